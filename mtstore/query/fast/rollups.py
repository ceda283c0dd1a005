"""Rollups: five-minute bars made once of a data file's bars, which wider buckets are computed from.

A row stands for the bars of a file within five minutes of UTC, and bears the open of the first of them, so that the
arithmetic that places bars places it. A bucket of pieces whose edges are whole five minutes of UTC (those of all
exchanges' sessions and of all zones' midnights are) is made of whole rows: its answer is that of the bars themselves.
A data file never changes, and neither does its rollup, whose name is the file's. It lies among the derived results,
and may be deleted at any time, by anybody.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

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
LEAST_BARS = 10_000
"""A smaller file's bars are read as fast."""

# Another number whenever a row's meaning changes.
_VERSION = 1
_BARS = "bars.parquet"
_FIELDS = ("open", "high", "low", "close", "volume", "transactions", COUNT)
_log = logging.getLogger(__name__)


class Rollups:
    """The rollups of a store.

    Parameters
    ----------
    room
        The room for derived results, in which rollups of files that are read for the most part are made; None makes
        none, and uses what is there.
    least_bars
        Fewer bars of a file are read as they are.
    """

    def __init__(self, store: Repository, room: SizeLimit | None = None, least_bars: int = LEAST_BARS) -> None:
        self._store = store
        self._room = room
        self._least_bars = least_bars
        self._has_made = False

    def read_of(self, file: StoredFile, scan: tuple[int, int]) -> Read | None:
        """What reads a file's rollup in place of its bars; None if there is none.

        The rows are all of the file's, whatever `scan` is.
        """
        if file.row_count < self._least_bars:
            return None
        name = f"rollup-{_VERSION}-{file.path.stem}"
        folder = result_cache.find_result(self._store, name)
        if folder is None and self._room is not None and _is_mostly_read(file, scan):
            folder = self._make(name, file)
        return None if folder is None else partial(_read, folder / _BARS, file)

    def enforce_limit(self) -> None:
        """Make room again, once rollups were made."""
        if self._has_made and self._room is not None:
            result_cache.enforce_limit(self._store, self._room.max_bytes, self._room.ttl_seconds)

    def _make(self, name: str, file: StoredFile) -> Path | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(roll_up(file))
        try:
            result_cache.check_free_space(self._store.path)
            with staging_folder(self._store.layout) as staging:
                made = staging / name
                made.mkdir()
                pq.write_table(table, made / _BARS, compression="zstd", compression_level=1, use_dictionary=False)
                folder = result_cache.store_result(self._store, made, [file.ticker], is_durable=False)
        except OSError as error:
            self._room = None
            _log.warning("%s: five-minute bars are not kept for the next who asks: %s", self._store.path, error)
            return None
        self._has_made = True
        return folder


def serves(buckets: Buckets, step_us: int, fields: tuple[str, ...]) -> bool:
    """Whether the fields of buckets of bars of `step_us` can be computed from rollups.

    Averages weighted by volume cannot: the last digits would be others.
    """
    if STEP_US % step_us or step_us == STEP_US or buckets.step_us % STEP_US or "vwap" in fields:
        return False
    pieces = buckets.timeline
    edges = [pieces.start_us, pieces.end_us]
    if buckets.step_us:
        edges.append(pieces.anchor_us)
    return not any((edge % STEP_US).any() for edge in edges)


def roll_up(file: StoredFile) -> Columns:
    """The rollup of a file, from its bars; its columns are `ts_event` (µs) and those that can be added up."""
    import numpy as np

    whole = (file.min_us, file.max_us + 1)
    bars = FileRows(file, whole).read(("ts_event", *_FIELDS))
    stamps = bars["ts_event"]
    numbers = stamps // STEP_US
    starts = np.append(0, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1)
    return {"ts_event": stamps[starts]} | {name: aggregate_field(name, bars, starts) for name in _FIELDS}


def _read(path: Path, file: StoredFile, names: tuple[str, ...]) -> Columns:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=True) as source:
            return as_arrays(source.read(columns=list(names), use_threads=False), names)
    except FileNotFoundError:  # deleted since, to make room
        pass
    except (OSError, ValueError) as error:
        result_cache.delete_damaged(path.parent, error)
    found = roll_up(file)
    return {name: found[name] for name in names}


def _is_mostly_read(file: StoredFile, scan: tuple[int, int]) -> bool:
    covered = min(scan[1], file.max_us) - max(scan[0], file.min_us)
    return 2 * covered >= file.max_us - file.min_us
