"""The macros of `sql/` over bars in memory, without a store.

An in-memory database has the same tables, views and macros as a published one; only the views of bars read Arrow tables
where a store's read files. Creating one takes most of a second, so idle ones are pooled.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.bars import arrow_schema
from mtstore.calendars import calendar_tables, canonical_name
from mtstore.duckdb_instance import new_instance
from mtstore.infer_calendar import infer_calendar
from mtstore.ranges import iso_instant
from mtstore.sqlfiles import identifier, literal
from mtstore.storage.commit import replay
from mtstore.storage.views.create_views import create_views
from mtstore.storage.views.view_texts import view_name

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SOURCE = "frames"
_MOST_IDLE = 2


@dataclass(frozen=True, slots=True)
class FrameBars:
    """One ticker's bars.

    Attributes
    ----------
    schema
        `ohlcv-1m` …: the width of the bars.
    day_tz
        The zone of daily bars' days.
    bars
        The columns of `mtstore.bars.arrow_schema`, sorted by `ts_event` and unique on it.
    """

    ticker: str
    schema: str
    day_tz: str
    bars: pa.Table


@contextmanager
def overlay_frames(
    frames: Sequence[FrameBars], *, tickers: Sequence[str], calendars: Mapping[str, str] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection whose current database gives the results of a store with these bars.

    Parameters
    ----------
    frames
        The bars; a ticker without bars may be missing.
    tickers
        All tickers that a request may name, in the order of the universe.
    calendars
        The calendars of tickers; others are inferred, as in a store.

    Raises
    ------
    InputError
        A calendar's name is unknown.
    """
    given = {ticker: canonical_name(name) for ticker, name in (calendars or {}).items()}
    needed = {given.get(ticker) or infer_calendar(ticker, SOURCE) for ticker in tickers}
    database = _take_idle() or FrameOverlay()
    try:
        database.fill([frame for frame in frames if frame.bars.num_rows], tickers, given, needed)
        yield database.connection
        database.release_bars()
    except BaseException:
        database.connection.close()
        raise
    _return_idle(database)


class FrameOverlay:
    """An in-memory database with all objects; each use replaces the bars and tickers of the one before."""

    def __init__(self) -> None:
        self.connection = new_instance()
        self.process = os.getpid()
        self._calendars: set[str] = set()
        self._schemas: set[str] = set()
        replay.create_tables(self.connection)

    def fill(
        self, frames: Sequence[FrameBars], tickers: Sequence[str], calendars: Mapping[str, str], needed: set[str]
    ) -> None:
        self.connection.execute(sqlfiles.load("overlay.clear_frames"))
        self._set_tickers(tickers, calendars)
        if frames:
            replay.upsert_rows(self.connection, "files", [_file_row(frame) for frame in frames])
        is_new = not self._calendars or not needed <= self._calendars
        self._add_sessions(needed)
        replay.refresh_derived_tables(self.connection, infer_calendar, None if is_new else {"files"})
        by_schema: dict[str, list[FrameBars]] = {}
        for frame in frames:
            by_schema.setdefault(frame.schema, []).append(frame)
        self._create_views(set(by_schema))
        for schema, alike in by_schema.items():
            self._set_bars(schema, _labelled(alike))

    def release_bars(self) -> None:
        for schema in self._schemas:
            self._set_bars(schema, _labelled([]))

    def _set_tickers(self, tickers: Sequence[str], calendars: Mapping[str, str]) -> None:
        now = datetime.now(UTC)
        rows: list[dict[str, Any]] = [
            {"ticker": ticker, "universe_position": place, "calendar": calendars.get(ticker), "updated_at": now}
            for place, ticker in enumerate(tickers)
        ]
        if rows:
            replay.upsert_rows(self.connection, "ticker_settings", rows)

    def _add_sessions(self, needed: set[str]) -> None:
        for table, rows in zip(("calendars", "sessions"), calendar_tables(needed - self._calendars), strict=True):
            self.connection.register("incoming", rows)
            self.connection.execute(sqlfiles.load("commit.insert_rows", table=identifier(table)))
            self.connection.unregister("incoming")
        self._calendars |= needed

    def _create_views(self, schemas: set[str]) -> None:
        if self._schemas and schemas <= self._schemas:
            return
        self._schemas |= schemas or {"ohlcv-1m"}
        files: dict[str, Sequence[str]] = dict.fromkeys(sorted(self._schemas), ())
        create_views(
            self.connection, Path(), data_files=files, quarantine_files=(), revision_files=(), settings={}, universe=()
        )
        for schema in sorted(self._schemas):
            self._set_bars(schema, _labelled([]))
            view = identifier(view_name(schema))
            relation = identifier(f"frames_{view_name(schema)}")
            values = {"view": view, "schema": literal(schema), "relation": relation}
            self.connection.execute(sqlfiles.load("overlay.frame_view", **values))

    def _set_bars(self, schema: str, bars: pa.Table) -> None:
        self.connection.register(f"frames_{view_name(schema)}", bars)


_idle: list[FrameOverlay] = []
_guard = threading.Lock()


def _take_idle() -> FrameOverlay | None:
    with _guard:
        # A connection does not survive a fork, so a child process does not use its parent's.
        return next((_idle.pop(place) for place, one in enumerate(_idle) if one.process == os.getpid()), None)


def _return_idle(database: FrameOverlay) -> None:
    with _guard:
        if len(_idle) < _MOST_IDLE:
            _idle.append(database)
            return
    database.connection.close()


def _file_row(frame: FrameBars) -> dict[str, Any]:
    first, last = (frame.bars["ts_event"][place].cast("int64").as_py() for place in (0, -1))
    return {
        "file_id": frame.ticker,
        "path": "",
        "schema": frame.schema,
        "source": SOURCE,
        "ticker": frame.ticker,
        "row_count": frame.bars.num_rows,
        "byte_size": frame.bars.nbytes,
        "ts_min": iso_instant(first),
        "ts_max": iso_instant(last),
        "day_tz": frame.day_tz,
        "content_id": "",
        "written_at": iso_instant(0),
        "generation": 0,
    }


def _labelled(frames: Sequence[FrameBars]) -> pa.Table:
    """Return the bars of several tickers as one table, without a copy of their values."""
    import numpy as np
    import pyarrow as pa

    names = pa.array([frame.ticker for frame in frames], pa.string())
    label = pa.field("ticker", pa.dictionary(pa.int32(), pa.string()))
    tables = []
    for number, frame in enumerate(frames):
        places = pa.array(np.full(frame.bars.num_rows, number, dtype=np.int32))
        tables.append(frame.bars.append_column(label, pa.DictionaryArray.from_arrays(places, names)))
    return pa.concat_tables(tables) if tables else arrow_schema().append(label).empty_table()
