"""The direct path: common aligned calls straight from the parquet files into the result, without a plan in between.

It serves calls whose tickers share one session key, have one stored series each (below a day), and ask for raw prices:
the files are picked from what is known of the generation, decoded by pyarrow on a few threads, and each ticker's rows
are put into their place by one thread, while they are in its cache. Wide buckets are computed from the files' rollups,
where there are any. Everything else goes through SQL; both give the same cells, and a test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mtstore.query.fast.aggregates import aggregate_field, input_columns
from mtstore.query.fast.buckets import Buckets
from mtstore.query.fast.column_reader import FileRows, Read, take
from mtstore.query.fast.rollups import serves
from mtstore.query.request.request import SeriesRequest
from mtstore.query.snapshot.store_facts import StoredFile, StoreFacts
from mtstore.query.table.wide_table import Columns, RollupSource

if TYPE_CHECKING:
    import numpy as np

    from mtstore.query.table.output_buffers import OutputBuffer

_WORKERS = 2
_FEW_FILES = 4
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What the direct path reads: a wide table's tickers in order, of each that is stored the files and the width of
    their bars, and the buckets.
    """

    names: tuple[str, ...]
    files: dict[str, list[StoredFile]]
    steps_us: dict[str, int]
    buckets: Buckets


def plan_read(facts: StoreFacts, call: SeriesRequest) -> ReadPlan | None:
    """How to answer `call` directly; None if only SQL can."""
    if call.adjust != "none" or call.from_source is not None or call.from_schema is not None:
        return None
    names = _names(facts, call)
    files = _files(facts, call, names)
    if files is None:
        return None
    buckets = Buckets.of(facts.timeline(call, names[0]), call.interval, call.bounds)
    steps_us = {name: facts.series[name][0][2] for name in files}
    return None if buckets is None else ReadPlan(names, files, steps_us, buckets)


def _files(facts: StoreFacts, call: SeriesRequest, names: tuple[str, ...]) -> dict[str, list[StoredFile]] | None:
    """The files of each stored ticker; None where the choice of a series is not plain."""
    if not names or any(name not in facts.tickers or facts.tickers[name].has_active_range for name in names):
        return None
    if len({facts.tickers[name].session_key for name in names}) > 1:
        return None
    files = {}
    for name in names:
        if name in facts.series:
            series = facts.plain_series(call, name)
            stored = None if series is None else facts.files.get((name, *series))
            if stored is None:
                return None
            files[name] = stored
    return files


class ParquetRead:
    """An answer in the making: the places of all bars are known, and with them the grid; values are read by `fill`.

    Parameters
    ----------
    fields
        What will be read.
    rollups
        Where rollups are; None: bars are read.
    """

    def __init__(self, chosen: ReadPlan, fields: tuple[str, ...], rollups: RollupSource | None = None) -> None:
        import numpy as np

        self._fields = fields
        self._rollups = rollups
        scan = chosen.buckets.scan_range()
        self._work = []
        for name in chosen.names:
            is_served = rollups is not None and serves(chosen.buckets, chosen.steps_us.get(name, 1), fields)
            self._work.append(_Ticker(chosen, name, scan, rollups if is_served else None))
        at_once: tuple[str, ...] = ()
        if sum(len(ticker.files) for ticker in self._work) <= _FEW_FILES:
            at_once = input_columns(fields)
        used = np.zeros(len(chosen.buckets.labels_us), dtype=bool)

        def locate(ticker: _Ticker) -> None:
            ticker.locate(at_once)
            used[ticker.places] = True

        _for_each(locate, self._work)
        self._final = np.cumsum(used) - 1
        self.ts_us: np.ndarray = chosen.buckets.labels_us[used]
        self.close_us: np.ndarray = chosen.buckets.close_us[used]
        self.stored = tuple(name in chosen.files for name in chosen.names)

    def fill(self, sheet: OutputBuffer, present: np.ndarray, finish: Callable[[int, np.ndarray], None]) -> None:
        """Lay every ticker's fields down in `sheet`.

        `finish` is called with a ticker's number and its rows once they are there, before the sheet takes them, on the
        thread that has them in its cache.

        Raises
        ------
        SnapshotExpiredError
            A data file is gone: the reader outlived the grace period.
        StoreError
            A data file was lost or damaged.
        """

        def place(number: int) -> None:
            rows = sheet.rows(number)
            self._work[number].place(rows, present[number], self._final, self._fields)
            finish(number, rows)
            sheet.done(number, rows)

        _for_each(place, range(len(self._work)))
        if self._rollups is not None:
            self._rollups.enforce_limit()


def _for_each(work: Callable[[_Item], None], items: Sequence[_Item]) -> None:
    """Do the work on a few threads; starting them costs more than what a single item takes."""
    if len(items) == 1:
        work(items[0])
        return
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="mtstore-read") as pool:
        list(pool.map(work, items))


class _Ticker:
    """One ticker's share of the work."""

    def __init__(self, chosen: ReadPlan, name: str, scan: tuple[int, int], rollups: RollupSource | None) -> None:
        import numpy as np

        self._buckets = chosen.buckets
        start, end = scan
        self.files = [file for file in chosen.files.get(name, []) if file.max_us >= start and file.min_us < end]
        self._scan = scan
        self._rollups = rollups
        self._reads: list[Read] = []
        self._lengths: list[int] = []
        self._rows: slice | np.ndarray = slice(0, 0)
        self.places = np.zeros(0, dtype=np.int64)

    def locate(self, at_once: tuple[str, ...]) -> None:
        """Find the place of every row, from the time stamps alone.

        Columns `at_once` are read with them, and held: opening a file takes longer than reading a little of it.
        """
        import numpy as np

        self._reads = [self._read_of(file) for file in self.files]
        if at_once:
            self._reads = [partial(take, read(("ts_event", *at_once))) for read in self._reads]
        parts = [read(("ts_event",))["ts_event"] for read in self._reads]
        self._lengths = [len(part) for part in parts]
        if parts:
            self._rows, places = self._buckets.places(np.concatenate(parts) if len(parts) > 1 else parts[0])
            self.places = places.astype(np.int32)

    def _read_of(self, file: StoredFile) -> Read:
        found = None if self._rollups is None else self._rollups.read_of(file, self._scan)
        return found or FileRows(file, self._scan).read

    def place(self, rows: np.ndarray, present: np.ndarray, final: np.ndarray, fields: tuple[str, ...]) -> None:
        """Write the ticker's fields into its rows of the result."""
        import numpy as np

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
            self._reduce(rows, target, starts, fields)
        else:
            self._copy(rows, target, fields)
        self.places = self.places[:0]

    def _copy(self, rows: np.ndarray, target: np.ndarray, fields: tuple[str, ...]) -> None:
        """Every row is a bucket of its own: file by file into the result, without a copy in between."""
        for part in self._parts():
            places = _as_slice(target[part.first : part.last])
            for name, column in part.columns(fields).items():
                rows[fields.index(name), places] = column

    def _reduce(self, rows: np.ndarray, target: np.ndarray, starts: np.ndarray, fields: tuple[str, ...]) -> None:
        """Buckets of several rows."""
        import numpy as np

        for columns, first, last in self._whole_buckets(starts, input_columns(fields)):
            begin, end = (int(edge) for edge in np.searchsorted(starts, (first, last)))
            places = _as_slice(target[begin:end])
            for number, name in enumerate(fields):
                rows[number, places] = aggregate_field(name, columns, starts[begin:end] - first)

    def _whole_buckets(self, starts: np.ndarray, names: tuple[str, ...]) -> Iterator[tuple[Columns, int, int]]:
        """Columns, and which of the rows they are: file by file, unless one bucket's rows lie in two files."""
        import numpy as np

        parts = self._parts()
        if np.isin([part.first for part in parts], starts).all():
            for part in parts:
                yield part.columns(names), part.first, part.last
            return
        pieces = [part.columns(names) for part in parts]
        yield {name: np.concatenate([piece[name] for piece in pieces]) for name in names}, 0, len(self.places)

    def _parts(self) -> list[_Segment]:
        """The files with rows that are used."""
        import numpy as np

        parts, begin = [], 0
        for read, length in zip(self._reads, self._lengths, strict=True):
            kept: slice | np.ndarray
            if isinstance(self._rows, slice):
                low, high = (min(max(edge, begin), begin + length) for edge in (self._rows.start, self._rows.stop))
                kept, first, last = slice(low - begin, high - begin), low - self._rows.start, high - self._rows.start
            else:
                first, last = (int(edge) for edge in np.searchsorted(self._rows, (begin, begin + length)))
                kept = self._rows[first:last] - begin
            begin += length
            if first < last:
                parts.append(_Segment(read, kept, first, last))
        return parts


@dataclass(frozen=True, slots=True)
class _Segment:
    """A file's rows that are used, and where they stand among all rows of the ticker that are."""

    read: Read
    kept: slice | np.ndarray
    first: int
    last: int

    def columns(self, names: tuple[str, ...]) -> Columns:
        """Those rows' columns."""
        return {name: column[self.kept] for name, column in self.read(names).items()}


def _as_slice(places: np.ndarray) -> slice | np.ndarray:
    """Ascending places that follow on one another as a slice, which numpy copies to at once."""
    if len(places) and int(places[-1]) - int(places[0]) == len(places) - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def _names(facts: StoreFacts, call: SeriesRequest) -> tuple[str, ...]:
    """The call's tickers in the order in which a wide table shows them."""
    if call.tickers is not None:
        return call.tickers
    universe = [name for name, entry in facts.tickers.items() if entry.universe_position is not None]
    if universe:
        return tuple(sorted(universe, key=lambda name: facts.tickers[name].universe_position or 0))
    return tuple(sorted(facts.series))
