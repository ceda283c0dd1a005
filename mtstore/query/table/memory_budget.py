"""How much memory is free, how much a result may take, and the error that names smaller alternatives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore.arguments import describe_bytes, size_bytes
from mtstore.config.fields import memory_bytes
from mtstore.errors import MemoryLimitError

if TYPE_CHECKING:
    from mtstore.config import Config

DEFAULT_SHARE = 0.8
"""The share of free memory that one result may take where no limit is configured."""

_DUCKDB_SHARE = 0.5
_MIN_DUCKDB_BYTES = 128_000_000
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def free_bytes() -> int:
    """Return the memory that is available to this process now, within its container's limit."""
    found = [_available_bytes()]
    limit, used = (_number(_CGROUP / name) for name in ("memory.max", "memory.current"))
    if limit is not None and used is not None:
        # Inactive page cache counts as used in a container, and is given up when memory runs short.
        cached = _numbers_by_name(_CGROUP / "memory.stat").get("inactive_file", 0)
        found.append(max(limit - used + cached, 0))
    return min(found)


def result_limit(memory_limit: str | int | None) -> int:
    """Return the most bytes that one result may take; None stands for the default share of free memory."""
    return int(free_bytes() * DEFAULT_SHARE) if memory_limit is None else size_bytes(memory_limit)


def load_limit(config: Config) -> int:
    """Return the most bytes that the rows and the result of one load may take: `multi_ticker.memory_limit`, now."""
    return memory_bytes(config.multi_ticker.memory_limit, free_bytes())


def duckdb_limit(config: Config) -> str:
    """Return DuckDB's `memory_limit`, half of the load's; beyond it, DuckDB spills into the store's `tmp/`."""
    size = max(int(load_limit(config) * _DUCKDB_SHARE), _MIN_DUCKDB_BYTES)
    return f"{size // 1_000_000}MB"


def check_fits(size: int, limit: int | None, what: str) -> None:
    """Raise MemoryLimitError for a result of more than `limit` bytes; the message says what takes less."""
    if limit is None or size <= limit:
        return
    raise MemoryLimitError(
        f"{what} take {describe_bytes(size)}, and {describe_bytes(limit)} are allowed (memory_limit); load it in "
        "pieces with iter_data(), take fewer fields or dtype='float32', or map it with Store.tensor(…, mmap=True)"
    )


def peak_bytes() -> int:
    """Return the most memory that this process has held at any time."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1_024


def _available_bytes() -> int:
    available = _numbers_by_name(_MEMINFO).get("MemAvailable")
    return available * 1_024 if available is not None else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _numbers_by_name(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0].removesuffix(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _number(path: Path) -> int | None:
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdigit() else None
