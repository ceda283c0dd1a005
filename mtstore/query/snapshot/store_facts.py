"""What Python knows of a store: tickers, series, files, sessions, coverage and splits, read once per generation.

A generation never changes, so what was read of it stays true; the newest few are remembered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import StoreError
from mtstore.query.snapshot.session_timeline import Timeline
from mtstore.ranges import US_PER_DAY, TimeRange

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from mtstore.query.request.request import SeriesRequest

_REMEMBERED = 8
_ASKED = ("store_facts.covered_ranges", "")

Row: TypeAlias = dict[str, Any]
SeriesKey: TypeAlias = tuple[str, str | None, str | None]
"""Ticker, source, schema."""


@dataclass(frozen=True, slots=True)
class TickerFacts:
    """A ticker as the macros see it."""

    calendar: str
    session_key: str
    universe_position: int | None
    open_grain_us: int
    has_active_range: bool


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A data file; `max_us` is its last bar's open."""

    path: Path
    ticker: str
    min_us: int
    max_us: int
    row_count: int


@dataclass(slots=True)
class StoreFacts:
    """One database's facts.

    Attributes
    ----------
    series
        By ticker: (source, schema, step_us) of each stored series.
    files
        By (ticker, source, schema), in time order.
    """

    tickers: dict[str, TickerFacts]
    series: dict[str, list[tuple[str, str, int]]]
    files: dict[tuple[str, str, str], list[StoredFile]]
    timelines: dict[tuple[Any, ...], Timeline] = field(default_factory=dict)
    _answers: dict[tuple[str, str], Any] = field(default_factory=dict)

    def rows(self, connection: duckdb.DuckDBPyConnection, statement: str, parameters: Any = None) -> list[Row]:
        """The answer of a statement that is asked again and again, such as one for each load, with few parameters."""
        key = (statement, repr(parameters))
        found: list[Row] | None = self._answers.get(key)
        if found is None:
            found = self._answers[key] = fetch_rows(connection, sqlfiles.load(statement), parameters)
        return found

    def coverage(self, connection: duckdb.DuckDBPyConnection) -> dict[SeriesKey, list[TimeRange]]:
        """By (ticker, source, schema): what was asked for and answered."""
        found: dict[SeriesKey, list[TimeRange]] | None = self._answers.get(_ASKED)
        if found is None:
            found = defaultdict(list)
            rows = connection.execute(sqlfiles.load(_ASKED[0])).fetchall()
            for ticker, source, schema, start_us, end_us in rows:
                found[ticker, source, schema].append(TimeRange(start_us, end_us))
            self._answers[_ASKED] = found
        return found

    def sessions(self, connection: duckdb.DuckDBPyConnection, calendar: str) -> Mapping[str, np.ndarray]:
        """A calendar's sessions in order: `day` (since 1970-01-01), `open_us`, `close_us`."""
        key = ("store_facts.sessions", calendar)
        if key not in self._answers:
            self._answers[key] = connection.execute(sqlfiles.load(key[0]), {"calendar": calendar}).fetchnumpy()
        found: Mapping[str, np.ndarray] = self._answers[key]
        return found

    def plain_series(self, call: SeriesRequest, ticker: str) -> tuple[str, str] | None:
        """Source and schema of the one series that a ticker has, if it gives the call's buckets.

        None where it takes the macros to choose: several series, bars of a day, bars that do not fit.
        """
        found = self.series.get(ticker, [])
        if len(found) != 1 or not _fits(call, found[0][2], self.tickers[ticker].open_grain_us):
            return None
        return found[0][:2]

    def timeline(self, connection: duckdb.DuckDBPyConnection, call: SeriesRequest, ticker: str) -> Timeline:
        """The pieces in which the call's tickers, all of one session key, have buckets."""
        session_key = self.tickers[ticker].session_key
        is_plain = call.interval.is_intraday and call.anchor == "session"
        unit = "" if call.interval.is_intraday else call.interval.text
        key = (session_key, call.session, call.anchor, "" if is_plain else call.tz, unit)
        found = self.timelines.get(key)
        if found is None:
            if is_plain:
                parameters: dict[str, Any] = {"session_key": session_key, "session": call.session}
                rows = connection.execute(sqlfiles.load("store_facts.session_segments"), parameters)
            else:
                asked = call.series_parameters()
                parameters = {name: asked[name] for name in ("bar_interval", "session", "anchor")}
                parameters |= {"tickers": [ticker], "tz": call.tz}
                rows = connection.execute(sqlfiles.load("store_facts.bucket_segments"), parameters)
            found = self.timelines[key] = Timeline.from_columns(rows.fetchnumpy())
        return found


_memory: OrderedDict[tuple[Any, ...], StoreFacts] = OrderedDict()
_fixed: dict[int, StoreFacts] = {}
_guard = threading.Lock()


@contextmanager
def for_connection(connection: duckdb.DuckDBPyConnection) -> Iterator[StoreFacts]:
    """What is known, where the connection's current database stays the same for the length of the block.

    Which database it is costs a query, as much as a small read, and is asked once.
    """
    found = read_store_facts(connection)
    _fixed[id(connection)] = found
    try:
        yield found
    finally:
        del _fixed[id(connection)]


def read_store_facts(connection: duckdb.DuckDBPyConnection) -> StoreFacts:
    """What is known of the connection's current database, which is a store's."""
    found = find_store_facts(connection)
    if found is None:
        raise StoreError("the connection's current database is not that of a store")
    return found


def find_store_facts(connection: duckdb.DuckDBPyConnection) -> StoreFacts | None:
    """What is known of the connection's current database; None if it shows no store's files."""
    if id(connection) in _fixed:
        return _fixed[id(connection)]
    # All of the answer is fetched: a connection with an unfinished result refuses the next statement.
    rows = connection.execute(sqlfiles.load("snapshot.database_identity")).fetchall()
    if not rows:
        return None
    key = rows[0]
    with _guard:
        found = _memory.get(key)
        if found is not None:
            _memory.move_to_end(key)
            return found
    found = _read(connection, Path(key[-1]))
    with _guard:
        _memory[key] = found
        while len(_memory) > _REMEMBERED:
            _memory.popitem(last=False)
    return found


def _read(connection: duckdb.DuckDBPyConnection, root: Path) -> StoreFacts:
    tickers = {
        row.pop("ticker"): TickerFacts(**row) for row in fetch_rows(connection, sqlfiles.load("store_facts.tickers"))
    }
    series: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for ticker, source, schema, step in connection.execute(sqlfiles.load("store_facts.series")).fetchall():
        series[ticker].append((source, schema, step))
    files: dict[tuple[str, str, str], list[StoredFile]] = defaultdict(list)
    for ticker, source, schema, path, *facts in connection.execute(sqlfiles.load("store_facts.files")).fetchall():
        files[ticker, source, schema].append(StoredFile(root / path, ticker, *facts))
    return StoreFacts(tickers, dict(series), dict(files))


def _fits(call: SeriesRequest, step_us: int, open_grain_us: int) -> bool:
    """Whether bars of that width give the call's buckets, as the macro `core.chosen_series` decides it."""
    if step_us >= US_PER_DAY:
        return False
    if call.interval.is_intraday:
        if not call.interval.is_multiple_of(step_us):
            return False
        return open_grain_us % step_us == 0 or (call.session == "all" and call.anchor != "session")
    return US_PER_DAY % step_us == 0 and (open_grain_us % step_us == 0 or call.session == "all")
