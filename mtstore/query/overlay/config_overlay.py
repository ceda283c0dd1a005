"""Scopes: the macros of `sql/` over a store as one configuration sees it, without touching the store.

A configuration may give tickers other calendars, session windows and sources than those that were applied to the store.
A scope is an in-memory database with the store's own tables, the configuration's tickers, and the same macros on top;
what it answers is what the published file would answer after `mtstore config apply`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.calendars import calendar_tables, canonical_name, infer_calendar
from mtstore.custom_calendars import CustomCalendar
from mtstore.sqlfiles import Sql, identifier
from mtstore.storage.commit import replay
from mtstore.storage.views.create_views import create_views

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.repository import Repository

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class ConfigOverlay:
    """How a configuration sees a store.

    Attributes
    ----------
    tickers
        Rows of `core.ticker_settings`, one per ticker that the configuration speaks of.
    settings
        Defaults of macros by dotted key, as `mtstore.storage.views.view_texts.DEFAULTS` has them.
    custom_calendars
        Calendars of one's own, by name.
    """

    tickers: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    custom_calendars: Mapping[str, CustomCalendar] = field(default_factory=dict)


@contextmanager
def overlay_config(store: Repository, view: ConfigOverlay) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose current database answers as the configuration sees the store."""
    with store.connection() as connection:
        name = identifier(f"scope_{next(_NUMBERS)}")
        row = connection.execute(sqlfiles.load("snapshot.current_database")).fetchone()
        generation = identifier(row[0] if row else "")
        connection.execute(sqlfiles.load("overlay.open", overlay=name))
        try:
            _lay_out(connection, generation, store, view)
            yield connection
        finally:
            connection.execute(sqlfiles.load("overlay.close", overlay=name, snapshot=generation))


def _lay_out(connection: duckdb.DuckDBPyConnection, generation: Sql, store: Repository, view: ConfigOverlay) -> None:
    replay.create_tables(connection)
    connection.execute(sqlfiles.load("overlay.fill", snapshot=generation))
    now = datetime.now(UTC)
    rows = [{**row, "updated_at": now} for row in view.tickers]
    if rows:
        replay.upsert_rows(connection, "ticker_settings", rows)
    replay.refresh_derived_tables(connection, infer_calendar)
    _add_calendars(connection, view.custom_calendars)
    universe = sorted(
        (row for row in view.tickers if row.get("universe_position") is not None),
        key=lambda row: row["universe_position"],
    )
    create_views(connection, store.path, settings=view.settings, universe=[row["ticker"] for row in universe])


def _add_calendars(connection: duckdb.DuckDBPyConnection, own: Mapping[str, CustomCalendar]) -> None:
    """Sessions of calendars that the store has not met yet, of tickers without any bar, too."""
    rows = connection.execute(sqlfiles.load("derive.calendars_to_extend"), {"horizon": date.min}).fetchall()
    missing = sorted({canonical_name(name, own) for name, _ in rows})
    if missing:
        zones, sessions = calendar_tables(missing, own=own)
        replay.upsert_rows(connection, "calendars", zones.to_pylist())
        replay.upsert_rows(connection, "sessions", sessions.to_pylist())
        connection.execute(sqlfiles.load("session_days.build"))
