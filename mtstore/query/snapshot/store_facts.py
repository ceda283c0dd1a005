"""Facts of a snapshot that need no bar: tickers, series, files, sessions, coverage, splits; read once per snapshot.

A snapshot never changes, so its facts stay true; those of the newest few are cached in this process.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import StoreError
from mtstore.query.snapshot.session_timeline import Timeline
from mtstore.ranges import US_PER_DAY, TimeRange

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from mtstore.query.request.request import SeriesRequest

_MOST_CACHED = 8

_Value = TypeVar("_Value")
Row: TypeAlias = dict[str, Any]
SeriesKey: TypeAlias = tuple[str, str | None, str | None]
"""Ticker, source, schema."""


@dataclass(frozen=True, slots=True)
class TickerFacts:
    """A ticker as the macros see it."""

    calendar: str
    calendar_is_inferred: bool
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


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """A connection, and the facts of the snapshot that it shows; valid while its current database stays the same.

    Attributes
    ----------
    series
        By ticker: (source, schema, step_us, phase_us) of each stored series; the last is the bars' offset from the UTC
        grid.
    files
        By (ticker, source, schema), in time order.
    """

    connection: duckdb.DuckDBPyConnection
    tickers: dict[str, TickerFacts]
    series: dict[str, list[tuple[str, str, int, int]]]
    files: dict[tuple[str, str, str], list[StoredFile]]
    _results: dict[tuple[Any, ...], Any]

    def rows(self, statement: str, parameters: Any = None) -> list[Row]:
        """Return the rows of a named statement that each load runs with few different parameters; cached."""
        return self._cached(
            (statement, repr(parameters)), lambda: fetch_rows(self.connection, sqlfiles.load(statement), parameters)
        )

    def coverage(self) -> dict[SeriesKey, list[TimeRange]]:
        """Return the ranges that the ledger covers, with bars or without, by series."""

        def read() -> dict[SeriesKey, list[TimeRange]]:
            ranges = defaultdict(list)
            rows = self.connection.execute(sqlfiles.load("store_facts.covered_ranges")).fetchall()
            for ticker, source, schema, start_us, end_us in rows:
                ranges[ticker, source, schema].append(TimeRange(start_us, end_us))
            return ranges

        return self._cached(("coverage",), read)

    def sessions(self, calendar: str) -> Mapping[str, np.ndarray]:
        """Return a calendar's sessions in order: `day` (since 1970-01-01), `open_us`, `close_us`."""
        return self._cached(
            ("sessions", calendar), lambda: self._columns("store_facts.sessions", {"calendar": calendar})
        )

    def plain_series(self, request: SeriesRequest, ticker: str) -> tuple[str, str] | None:
        """Return source and schema of a ticker's only series, if its bars fit the request's buckets.

        None where the macros have to choose: several series, daily bars, bars that do not fit or have a grid of their
        own.
        """
        found = self.series.get(ticker, [])
        if len(found) != 1:
            return None
        source, schema, step_us, phase_us = found[0]
        fits = not phase_us and _fits(request, step_us, self.tickers[ticker].open_grain_us)
        return (source, schema) if fits else None

    def timeline(self, request: SeriesRequest, ticker: str) -> Timeline:
        """Return the segments in which tickers of this ticker's session key have buckets."""
        session_key = self.tickers[ticker].session_key
        if request.interval.is_intraday and request.anchor == "session":
            # Buckets counted from the open are the same in every zone, and the segments for every width.
            key: tuple[Any, ...] = (session_key, request.session)
            statement = "store_facts.session_segments"
            parameters: dict[str, Any] = {"session_key": session_key, "session": request.session}
        else:
            unit = "" if request.interval.is_intraday else request.interval.text
            key = (session_key, request.session, request.anchor, request.tz, unit)
            statement = "store_facts.bucket_segments"
            given = request.series_parameters()
            parameters = {name: given[name] for name in ("bar_interval", "session", "anchor")}
            parameters |= {"tickers": [ticker], "tz": request.tz}
        return self._cached((statement, *key), lambda: Timeline.from_columns(self._columns(statement, parameters)))

    def _columns(self, statement: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        columns: Mapping[str, Any] = self.connection.execute(sqlfiles.load(statement), parameters).fetchnumpy()
        return columns

    def _cached(self, key: tuple[Any, ...], read: Callable[[], _Value]) -> _Value:
        if key not in self._results:
            self._results[key] = read()
        value: _Value = self._results[key]
        return value


_cache: OrderedDict[tuple[Any, ...], tuple[Any, ...]] = OrderedDict()
_guard = threading.Lock()


def read_store_facts(connection: duckdb.DuckDBPyConnection) -> StoreFacts:
    """Return the facts of the connection's current database, which must show a store."""
    found = find_store_facts(connection)
    if found is None:
        raise StoreError("the connection's current database is not that of a store")
    return found


def find_store_facts(connection: duckdb.DuckDBPyConnection) -> StoreFacts | None:
    """Return the facts of the connection's current database; None if it does not show a store's files.

    This costs a query, as much as a small read: ask once, and pass the facts along.
    """
    # All of the answer is fetched: a connection with an unfinished result rejects the next statement.
    rows = connection.execute(sqlfiles.load("snapshot.database_identity")).fetchall()
    if not rows:
        return None
    key = rows[0]
    with _guard:
        found = _cache.get(key)
        if found is not None:
            _cache.move_to_end(key)
    if found is None:
        found = (*_read(connection, Path(key[-1])), {})
        with _guard:
            _cache[key] = found
            while len(_cache) > _MOST_CACHED:
                _cache.popitem(last=False)
    # The connections share the dictionaries, and what is added to them later.
    return StoreFacts(connection, *found)


def _read(connection: duckdb.DuckDBPyConnection, root: Path) -> tuple[Any, ...]:
    tickers = {
        row.pop("ticker"): TickerFacts(**row) for row in fetch_rows(connection, sqlfiles.load("store_facts.tickers"))
    }
    series: dict[str, list[tuple[str, str, int, int]]] = defaultdict(list)
    for ticker, *facts in connection.execute(sqlfiles.load("store_facts.series")).fetchall():
        series[ticker].append(tuple(facts))
    files: dict[tuple[str, str, str], list[StoredFile]] = defaultdict(list)
    for ticker, source, schema, path, *facts in connection.execute(sqlfiles.load("store_facts.files")).fetchall():
        files[ticker, source, schema].append(StoredFile(root / path, ticker, *facts))
    return tickers, dict(series), dict(files)


def _fits(request: SeriesRequest, step_us: int, open_grain_us: int) -> bool:
    """Tell whether bars of that width give the request's buckets, as the macro `core.chosen_series` decides it."""
    if step_us >= US_PER_DAY:
        return False
    if request.interval.is_intraday:
        if not request.interval.is_multiple_of(step_us):
            return False
        return open_grain_us % step_us == 0 or (request.session == "all" and request.anchor != "session")
    return US_PER_DAY % step_us == 0 and (open_grain_us % step_us == 0 or request.session == "all")
