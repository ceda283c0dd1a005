"""Rollups: five-minute bars computed once from a data file's bars, from which wider buckets are computed.

A row stands for the bars of a file within five minutes of UTC, and has the open of the first of them, so the arithmetic
that places bars places it. A bucket whose segments have edges at whole five minutes of UTC (those of all exchanges'
sessions and all zones' midnights do) consists of whole rows, so its values are those of the bars themselves. A data
file never changes, nor does its rollup, which has its name. Rollups are cached results, and may be deleted at any time.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtstore.query.cache import result_cache
from mtstore.query.fast.aggregates import aggregate_field
from mtstore.query.fast.column_reader import COUNT, FileRows, Read, as_arrays
from mtstore.query.table.wide_table import Columns
from mtstore.storage.commit.staging import staging_folder

if TYPE_CHECKING:
    from pathlib import Path

    from mtstore.query.cache.size_limit import SizeLimit
    from mtstore.query.fast.buckets import Buckets
    from mtstore.query.snapshot.store_facts import StoredFile
    from mtstore.storage.repository import Repository

STEP_US = 300_000_000
MIN_BARS = 10_000
"""A smaller file's bars are read as fast."""

# Increased whenever a row's meaning changes.
_VERSION = 1
_BARS = "bars.parquet"
_FIELDS = ("open", "high", "low", "close", "volume", "transactions", COUNT)
_log = logging.getLogger(__name__)


class Rollups:
    """The rollups of a store.

    Parameters
    ----------
    limit
        The size limit of cached results, within which rollups of mostly read files are built; None builds none.
    min_bars
        Bars of a file with fewer are read directly.
    """

    def __init__(self, store: Repository, limit: SizeLimit | None = None, min_bars: int = MIN_BARS) -> None:
        self._store = store
        self._limit = limit
        self._min_bars = min_bars
        self._has_built = False

    def read_of(self, file: StoredFile, scan: tuple[int, int]) -> Read | None:
        """Return what reads a file's rollup instead of its bars, whatever `scan` is; None if there is none."""
        if file.row_count < self._min_bars:
            return None
        name = f"rollup-{_VERSION}-{file.path.stem}"
        folder = result_cache.find_result(self._store, name)
        if folder is None and self._limit is not None and _is_mostly_read(file, scan):
            folder = self._build(name, file)
        return None if folder is None else partial(_read, folder / _BARS, file)

    def enforce_limit(self) -> None:
        """Keep cached results within their limit, if rollups were built."""
        if self._has_built and self._limit is not None:
            result_cache.enforce_limit(self._store, self._limit)

    def _build(self, name: str, file: StoredFile) -> Path | None:
        table = pa.table(roll_up(file))
        try:
            result_cache.check_free_space(self._store.path)
            with staging_folder(self._store.layout) as staging:
                folder = staging / name
                folder.mkdir()
                pq.write_table(table, folder / _BARS, compression="zstd", compression_level=1, use_dictionary=False)
                stored = result_cache.store_result(self._store, folder, [file.ticker], is_durable=False)
        except OSError as error:
            self._limit = None  # one warning is enough
            _log.warning("%s: five-minute bars are not cached: %s", self._store.path, error)
            return None
        self._has_built = True
        return stored


def serves(buckets: Buckets, step_us: int, fields: tuple[str, ...]) -> bool:
    """Tell whether the fields of buckets of bars of `step_us` can be computed from rollups.

    Averages weighted by volume cannot: the last digits would differ.
    """
    if STEP_US % step_us or step_us == STEP_US or buckets.step_us % STEP_US or "vwap" in fields:
        return False
    timeline = buckets.timeline
    edges = [timeline.start_us, timeline.end_us]
    if buckets.step_us:
        edges.append(timeline.anchor_us)
    return not any((edge % STEP_US).any() for edge in edges)


def roll_up(file: StoredFile) -> Columns:
    """Compute a file's rollup; its columns are `ts_event` (µs) and those that can be aggregated again."""
    bars = FileRows(file, (file.min_us, file.max_us + 1)).read(("ts_event", *_FIELDS))
    stamps = bars["ts_event"]
    numbers = stamps // STEP_US
    starts = np.append(0, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1)
    return {"ts_event": stamps[starts]} | {name: aggregate_field(name, bars, starts) for name in _FIELDS}


def _read(path: Path, file: StoredFile, names: tuple[str, ...]) -> Columns:
    try:
        with pq.ParquetFile(path, memory_map=True) as source:
            return as_arrays(source.read(columns=list(names), use_threads=False), names)
    except FileNotFoundError:  # deleted since
        pass
    except (OSError, ValueError) as error:
        result_cache.delete_damaged(path.parent, error)
    columns = roll_up(file)
    return {name: columns[name] for name in names}


def _is_mostly_read(file: StoredFile, scan: tuple[int, int]) -> bool:
    covered = min(scan[1], file.max_us) - max(scan[0], file.min_us)
    return 2 * covered >= file.max_us - file.min_us
