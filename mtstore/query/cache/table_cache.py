"""Cache wide tables under `derived/`; the same request memory-maps the cached file.

The mapping is private: writing into it changes no other process's table, and costs memory only where it is written.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtstore.query.cache import result_cache
from mtstore.query.table.output_buffers import map_file
from mtstore.query.table.wide_table import WideTable
from mtstore.ranges import US_PER_DAY
from mtstore.storage.commit.staging import staging_folder

if TYPE_CHECKING:
    from mtstore.query.cache.size_limit import SizeLimit
    from mtstore.query.request.request import AlignRequest
    from mtstore.storage.repository import Repository

MIN_TABLE_BYTES = 16_000_000
"""A smaller table is rebuilt as fast as it is found."""

_SHAPE, _VALUES, _PRESENT, _TIMES, _CLOSES = "shape.json", "values.bin", "present.bin", "times.bin", "closes.bin"
_log = logging.getLogger(__name__)

BuiltTable = tuple[WideTable, Mapping[str, Any]]
"""A table, and the outcome of its checks as JSON can hold it."""


def should_cache(request: AlignRequest, fields: int, item_bytes: int) -> bool:
    """Tell whether the table of a request may be large enough to be cached."""
    start_us, end_us = request.bounds.covering_us()
    if start_us is None or end_us is None or request.tickers is None:
        return True
    interval = request.interval
    step_us = interval.microseconds or (interval.days or 28 * interval.months) * US_PER_DAY
    return (end_us - start_us) // step_us * len(request.tickers) * fields * item_bytes >= MIN_TABLE_BYTES


def find_table(store: Repository, key: str) -> BuiltTable | None:
    folder = result_cache.find_result(store, key)
    if folder is None:
        return None
    try:
        return _read(folder)
    except FileNotFoundError:  # deleted since
        return None
    except (OSError, ValueError, KeyError) as error:
        result_cache.delete_damaged(folder, error)
        return None


def build_table(
    store: Repository, key: str, limit: SizeLimit, build: Callable[[Path | None], BuiltTable]
) -> BuiltTable:
    """Return the table that `build` returns, cached if it is large enough; a failure to cache it is logged.

    `build` is called once, with a new file that may take the values, or None where nothing can be cached. The caller
    may write into the table either way.
    """
    with ExitStack() as held:
        folder = None
        try:
            result_cache.check_free_space(store.path)
            folder = held.enter_context(staging_folder(store.layout)) / key
            folder.mkdir()
        except OSError as error:
            _log_not_cached(store, error)
        wide, outcome = build(None if folder is None else folder / _VALUES)
        if folder is not None and MIN_TABLE_BYTES <= wide.values.nbytes <= limit.max_bytes:
            try:
                _write(folder, wide, outcome)
                result_cache.store_result(store, folder, wide.tickers, is_durable=False)
                result_cache.enforce_limit(store, limit)
            except OSError as error:
                _log_not_cached(store, error)
    return wide, outcome


def _log_not_cached(store: Repository, error: OSError) -> None:
    _log.warning("%s: a result is not cached: %s", store.path, error)


def _write(folder: Path, wide: WideTable, outcome: Mapping[str, Any]) -> None:
    values = folder / _VALUES
    if not values.exists() or not _is_mapped_whole(wide.values, values):
        values.unlink(missing_ok=True)
        wide.values.tofile(values)
    wide.present.tofile(folder / _PRESENT)
    wide.ts_us.tofile(folder / _TIMES)
    if wide.close_us is not None:
        wide.close_us.tofile(folder / _CLOSES)
    shape = {
        "length": len(wide.ts_us),
        "tickers": wide.tickers,
        "stored": wide.stored,
        "fields": wide.fields,
        "dtype": str(wide.values.dtype),
        "has_closes": wide.close_us is not None,
        "outcome": outcome,
    }
    (folder / _SHAPE).write_text(json.dumps(shape))


def _read(folder: Path) -> BuiltTable:
    shape = json.loads((folder / _SHAPE).read_text())
    length, fields, tickers = shape["length"], tuple(shape["fields"]), tuple(shape["tickers"])
    times = np.fromfile(folder / _TIMES, dtype=np.int64)
    closes = np.fromfile(folder / _CLOSES, dtype=np.int64) if shape["has_closes"] else None
    if len(times) != length:
        raise ValueError(f"{_TIMES} has {len(times):,} times instead of {length:,}")
    values = map_file(folder / _VALUES, shape["dtype"], (len(tickers) * len(fields), length), "c").view(np.ndarray)
    present = map_file(folder / _PRESENT, "bool", (len(tickers), length), "c").view(np.ndarray)
    return WideTable(tickers, tuple(shape["stored"]), fields, times, closes, values, present), shape["outcome"]


def _is_mapped_whole(values: np.ndarray, path: Path) -> bool:
    """Tell whether an array is the whole file that was written for it, not computed from it since."""
    base = values.base
    return isinstance(base, np.memmap) and base.filename == str(path) and path.stat().st_size == values.nbytes
