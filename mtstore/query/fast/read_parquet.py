"""The fast path: plain requests straight from the parquet files into the result, without SQL.

It serves requests for raw prices whose tickers share one session key and have one intraday series each. The files come
from the snapshot's facts; pyarrow decodes them on a few threads; each ticker's rows are put into place by one thread
while they are in its cache. Wide buckets are computed from the files' rollups, where there are any. Everything else
goes through SQL; both return the same cells, which a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mtstore.query.fast.aggregates import aggregate_field, input_columns
from mtstore.query.fast.buckets import Buckets
from mtstore.query.fast.column_reader import FileRows, Read
from mtstore.query.fast.rollups import serves
from mtstore.query.request.request import SeriesRequest
from mtstore.query.snapshot.store_facts import StoredFile, StoreFacts
from mtstore.query.table.wide_table import Columns, RollupSource

if TYPE_CHECKING:
    from mtstore.query.table.output_buffers import OutputBuffer

_WORKERS = 2
_FEW_FILES = 4
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What the fast path reads.

    Attributes
    ----------
    names
        The tickers in the order of the wide table.
    files, steps_us
        The files of each stored ticker, and the width of its bars.
    """

    names: tuple[str, ...]
    files: dict[str, list[StoredFile]]
    steps_us: dict[str, int]
    buckets: Buckets


def plan_read(facts: StoreFacts, request: SeriesRequest) -> ReadPlan | None:
    """Return how to read a request from files; None if only SQL can serve it."""
    if request.adjust != "none" or request.from_source is not None or request.from_schema is not None:
        return None
    if request.partial == "cut":
        return None
    names = _names(facts, request)
    files = _files(facts, request, names)
    if files is None:
        return None
    buckets = Buckets.of(facts.timeline(request, names[0]), request)
    steps_us = {name: facts.series[name][0][2] for name in files}
    return None if buckets is None else ReadPlan(names, files, steps_us, buckets)


def _names(facts: StoreFacts, request: SeriesRequest) -> tuple[str, ...]:
    """Return the request's tickers in the order of a wide table: as requested, the universe's, or by name."""
    if request.tickers is not None:
        return request.tickers
    positions = {name: entry.universe_position for name, entry in facts.tickers.items()}
    universe = [name for name, position in positions.items() if position is not None]
    return tuple(sorted(universe, key=lambda name: positions[name] or 0)) or tuple(sorted(facts.series))


def _files(facts: StoreFacts, request: SeriesRequest, names: tuple[str, ...]) -> dict[str, list[StoredFile]] | None:
    """Return the files of each stored ticker; None where the macros have to choose a series."""
    if not names or any(name not in facts.tickers or facts.tickers[name].has_active_range for name in names):
        return None
    if len({facts.tickers[name].session_key for name in names}) > 1:
        return None
    files = {}
    for name in names:
        if name in facts.series:
            series = facts.plain_series(request, name)
            stored = None if series is None else facts.files.get((name, *series))
            if stored is None:
                return None
            files[name] = stored
    return files


class ParquetRead:
    """One read: the constructor finds the places of all bars, and with them the grid; `fill` reads the values.

    Parameters
    ----------
    rollups
        Where to look for rollups; None reads bars.
    """

    def __init__(self, plan: ReadPlan, fields: tuple[str, ...], rollups: RollupSource | None = None) -> None:
        self._fields = fields
        self._rollups = rollups
        scan = plan.buckets.scan_range()
        self._tickers = []
        for name in plan.names:
            is_served = rollups is not None and serves(plan.buckets, plan.steps_us.get(name, 1), fields)
            self._tickers.append(_TickerRead(plan, name, scan, rollups if is_served else None))
        # Opening a file takes longer than reading a little of it: few files are read whole at once, and kept.
        few = sum(len(ticker.files) for ticker in self._tickers) <= _FEW_FILES
        preloaded = input_columns(fields) if few else ()
        used = np.zeros(len(plan.buckets.labels_us), dtype=bool)

        def locate(ticker: _TickerRead) -> None:
            ticker.locate(preloaded)
            used[ticker.places] = True  # threads only ever set bits, so they need no lock

        _for_each(locate, self._tickers)
        # From a bucket of the time line to its place among the buckets that any ticker has.
        self._final = np.cumsum(used) - 1
        self.ts_us: np.ndarray = plan.buckets.labels_us[used]
        self.close_us: np.ndarray = plan.buckets.close_us[used]
        self.stored = tuple(name in plan.files for name in plan.names)

    def fill(self, buffer: OutputBuffer, present: np.ndarray, finish: Callable[[int, np.ndarray], None]) -> None:
        """Fill every ticker's rows in `buffer`.

        `finish` is called with a ticker's number and its filled rows, before the buffer takes them, on the thread that
        has them in its cache.

        Raises
        ------
        SnapshotExpiredError
            A data file is gone: the reader outlived the grace period.
        StoreError
            A data file was lost or damaged.
        """

        def fill_ticker(number: int) -> None:
            rows = buffer.rows(number)
            self._tickers[number].fill(rows, present[number], self._final, self._fields)
            finish(number, rows)
            buffer.done(number, rows)

        _for_each(fill_ticker, range(len(self._tickers)))
        if self._rollups is not None:
            self._rollups.enforce_limit()


def _for_each(work: Callable[[_Item], None], items: Sequence[_Item]) -> None:
    if len(items) == 1:  # starting threads costs more than one item takes
        work(items[0])
        return
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="mtstore-read") as pool:
        list(pool.map(work, items))


class _TickerRead:
    def __init__(self, plan: ReadPlan, name: str, scan: tuple[int, int], rollups: RollupSource | None) -> None:
        self._buckets = plan.buckets
        start, end = scan
        self.files = [file for file in plan.files.get(name, []) if file.max_us >= start and file.min_us < end]
        self._scan = scan
        self._rollups = rollups
        self._reads: list[Read] = []
        self._lengths: list[int] = []
        self._rows: slice | np.ndarray = slice(0, 0)
        self.places = np.zeros(0, dtype=np.int64)

    def locate(self, preloaded: tuple[str, ...]) -> None:
        """Find the place of every row from the time stamps alone; columns `preloaded` are read with them, and kept."""
        self._reads = [self._read_of(file) for file in self.files]
        if preloaded:
            self._reads = [partial(_take, read(("ts_event", *preloaded))) for read in self._reads]
        parts = [read(("ts_event",))["ts_event"] for read in self._reads]
        self._lengths = [len(part) for part in parts]
        if parts:
            self._rows, places = self._buckets.places(np.concatenate(parts) if len(parts) > 1 else parts[0])
            self.places = places.astype(np.int32)

    def _read_of(self, file: StoredFile) -> Read:
        found = None if self._rollups is None else self._rollups.read_of(file, self._scan)
        return found or FileRows(file, self._scan).read

    def fill(self, rows: np.ndarray, present: np.ndarray, final: np.ndarray, fields: tuple[str, ...]) -> None:
        """Write the ticker's fields into its rows of the result."""
        if not len(self.places):
            rows.fill(np.nan)
            return
        is_new = self.places[1:] != self.places[:-1]
        starts = None if is_new.all() else np.append(0, np.flatnonzero(is_new) + 1)
        target = final[self.places if starts is None else self.places[starts]]
        present[target] = True
        if len(target) < rows.shape[1]:
            missing = np.flatnonzero(~present)
            for row in rows:
                row[missing] = np.nan
        if starts is not None:
            self._aggregate(rows, target, starts, fields)
        else:
            self._copy(rows, target, fields)
        self.places = self.places[:0]  # release the memory; other tickers are still to be filled

    def _copy(self, rows: np.ndarray, target: np.ndarray, fields: tuple[str, ...]) -> None:
        """Every row is a bucket of its own: file by file into the result, without a copy in between."""
        for segment in self._segments():
            places = _as_slice(target[segment.first : segment.last])
            for name, column in segment.columns(fields).items():
                rows[fields.index(name), places] = column

    def _aggregate(self, rows: np.ndarray, target: np.ndarray, starts: np.ndarray, fields: tuple[str, ...]) -> None:
        for columns, first, last in self._whole_buckets(starts, input_columns(fields)):
            begin, end = (int(edge) for edge in np.searchsorted(starts, (first, last)))
            places = _as_slice(target[begin:end])
            for number, name in enumerate(fields):
                rows[number, places] = aggregate_field(name, columns, starts[begin:end] - first)

    def _whole_buckets(self, starts: np.ndarray, names: tuple[str, ...]) -> Iterator[tuple[Columns, int, int]]:
        """Yield columns and which of the rows they are: file by file, unless a bucket's rows are in two files."""
        segments = self._segments()
        if np.isin([segment.first for segment in segments], starts).all():
            for segment in segments:
                yield segment.columns(names), segment.first, segment.last
            return
        parts = [segment.columns(names) for segment in segments]
        yield {name: np.concatenate([part[name] for part in parts]) for name in names}, 0, len(self.places)

    def _segments(self) -> list[_Segment]:
        """Return the used rows of each file that has any."""
        segments, begin = [], 0
        for read, length in zip(self._reads, self._lengths, strict=True):
            used: slice | np.ndarray
            if isinstance(self._rows, slice):
                low, high = (min(max(edge, begin), begin + length) for edge in (self._rows.start, self._rows.stop))
                used, first, last = slice(low - begin, high - begin), low - self._rows.start, high - self._rows.start
            else:
                first, last = (int(edge) for edge in np.searchsorted(self._rows, (begin, begin + length)))
                used = self._rows[first:last] - begin
            begin += length
            if first < last:
                segments.append(_Segment(read, used, first, last))
        return segments


@dataclass(frozen=True, slots=True)
class _Segment:
    """A file's used rows, and their range among all used rows of the ticker."""

    read: Read
    used: slice | np.ndarray
    first: int
    last: int

    def columns(self, names: tuple[str, ...]) -> Columns:
        return {name: column[self.used] for name, column in self.read(names).items()}


def _take(columns: Columns, names: tuple[str, ...]) -> Columns:
    return {name: columns[name] for name in names}


def _as_slice(places: np.ndarray) -> slice | np.ndarray:
    """Turn ascending places without a hole into a slice, to which numpy copies much faster."""
    if len(places) and int(places[-1]) - int(places[0]) == len(places) - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places
