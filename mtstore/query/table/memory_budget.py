"""Memory: how much there is, how much an answer may take, and the error that says what to do instead."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore.arguments import describe_bytes
from mtstore.config.fields import memory_bytes
from mtstore.errors import MemoryLimitError

if TYPE_CHECKING:
    from mtstore.config import Config

DEFAULT_SHARE = 0.8
"""Of the free memory, what one answer may take where no limit is configured."""

_DUCKDB_SHARE = 0.5
_MIN_DUCKDB_BYTES = 128_000_000
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def free_bytes() -> int:
    """Memory that this process could take now: what the system has available, within its container's limit."""
    found = [_available_bytes()]
    limit, used = (_number(_CGROUP / name) for name in ("memory.max", "memory.current"))
    if limit is not None and used is not None:
        found.append(max(limit - used + (_cached_bytes() or 0), 0))
    return min(found)


def default_memory_limit() -> int:
    """What one answer may take where no limit is configured."""
    return int(free_bytes() * DEFAULT_SHARE)


def load_limit(config: Config) -> int:
    """Return the most bytes that the rows and the result of one load may take: `multi_ticker.memory_limit`, now."""
    return memory_bytes(config.multi_ticker.memory_limit, free_bytes())


def duckdb_limit(config: Config) -> str:
    """Return DuckDB's `memory_limit`, half of the load's; beyond it, DuckDB spills into the store's `tmp/`."""
    size = max(int(load_limit(config) * _DUCKDB_SHARE), _MIN_DUCKDB_BYTES)
    return f"{size // 1_000_000}MB"


def check_fits(size: int, limit: int | None, what: str) -> None:
    """Refuse an answer that takes more than `limit` bytes.

    Raises
    ------
    MemoryLimitError
        Says what it is, its size and what takes less.
    """
    if limit is None or size <= limit:
        return
    raise MemoryLimitError(
        f"{what} take {describe_bytes(size)}, and {describe_bytes(limit)} are allowed (memory_limit); load it in "
        "pieces with iter_data(), take fewer fields or dtype='float32', or map it with Store.tensor(…, mmap=True)"
    )


def peak_bytes() -> int:
    """The most memory this process has held at any time."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1_024


def _available_bytes() -> int:
    if _MEMINFO.exists():
        for line in _MEMINFO.read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) * 1_024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cached_bytes() -> int | None:
    """Page cache that counts as used in a container, and is given up when memory runs short."""
    path = _CGROUP / "memory.stat"
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(" ")
        if name == "inactive_file":
            return int(rest)
    return None


def _number(path: Path) -> int | None:
    if not path.exists():
        return None
    text = path.read_text().strip()
    return int(text) if text.isdigit() else None
