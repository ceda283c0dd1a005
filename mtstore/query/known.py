"""What the direct path knows of a store: tickers, series, files and session time lines, read once per generation.

A generation never changes, so what was read of it stays true; the newest few are remembered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.query.timeline import Timeline
from mtstore.store import fold

if TYPE_CHECKING:
    import duckdb

    from mtstore.query.calls import AlignCall

_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class KnownTicker:
    """A ticker as the macros see it."""

    calendar: str
    session_key: str
    universe_position: int | None
    open_grain_us: int
    has_active_range: bool


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A data file; `max_us` is its last bar's open."""

    path: Path
    min_us: int
    max_us: int
    row_count: int


@dataclass(slots=True)
class Known:
    """One database's facts.

    Attributes
    ----------
    series
        By ticker: (source, schema, step_us) of each stored series.
    files
        By (ticker, source, schema), in time order.
    """

    tickers: dict[str, KnownTicker]
    series: dict[str, list[tuple[str, str, int]]]
    files: dict[tuple[str, str, str], list[KnownFile]]
    timelines: dict[tuple[Any, ...], Timeline] = field(default_factory=dict)

    def timeline(self, connection: duckdb.DuckDBPyConnection, call: AlignCall, ticker: str) -> Timeline:
        """The pieces in which the call's tickers, all of one session key, have buckets."""
        session_key = self.tickers[ticker].session_key
        is_plain = call.interval.is_intraday and call.anchor == "session"
        unit = "" if call.interval.is_intraday else call.interval.text
        key = (session_key, call.session, call.anchor, "" if is_plain else call.tz, unit)
        found = self.timelines.get(key)
        if found is None:
            if is_plain:
                parameters: dict[str, Any] = {"session_key": session_key, "session": call.session}
                rows = connection.execute(sqlfiles.load("queries/session_pieces"), parameters)
            else:
                asked = call.series_parameters()
                parameters = {name: asked[name] for name in ("bar_interval", "session", "anchor")}
                parameters |= {"tickers": [ticker], "tz": call.tz}
                rows = connection.execute(sqlfiles.load("queries/bucket_pieces"), parameters)
            found = self.timelines[key] = Timeline.from_columns(rows.fetchnumpy())
        return found


_memory: OrderedDict[tuple[Any, ...], Known] = OrderedDict()
_guard = threading.Lock()


def known(connection: duckdb.DuckDBPyConnection) -> Known | None:
    """What is known of the connection's current database; None if it shows no store's files."""
    # All of the answer is fetched: a connection with an unfinished result refuses the next statement.
    rows = connection.execute(sqlfiles.load("queries/database_identity")).fetchall()
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


def _read(connection: duckdb.DuckDBPyConnection, root: Path) -> Known:
    tickers = {
        row.pop("ticker"): KnownTicker(**row)
        for row in fold.fetch_rows(connection, sqlfiles.load("queries/known_tickers"))
    }
    series: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for ticker, source, schema, step in connection.execute(sqlfiles.load("queries/known_series")).fetchall():
        series[ticker].append((source, schema, step))
    files: dict[tuple[str, str, str], list[KnownFile]] = defaultdict(list)
    for ticker, source, schema, path, *facts in connection.execute(sqlfiles.load("queries/known_files")).fetchall():
        files[ticker, source, schema].append(KnownFile(root / path, *facts))
    return Known(tickers, dict(series), dict(files))
