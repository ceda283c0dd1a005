"""The macros of `sql/` over a store as one configuration sees it, without a change to the store.

A configuration may give tickers other calendars, session windows and sources than those applied to the store. The
overlay is an in-memory database with the store's tables, the configuration's tickers, and the same macros on top; its
results are those that the published file would have after `mtstore config apply`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.calendars import calendar_tables, canonical_name
from mtstore.custom_calendars import OwnCalendar
from mtstore.infer_calendar import infer_calendar
from mtstore.sqlfiles import Sql, identifier
from mtstore.storage.commit import replay
from mtstore.storage.views.create_views import create_views

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.repository import Repository

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class ConfigOverlay:
    """What a configuration changes in the view of a store.

    Attributes
    ----------
    tickers
        Rows of `core.ticker_settings`, one per configured ticker.
    settings
        Defaults of macros by dotted key, as `mtstore.storage.views.view_texts.DEFAULTS` has them.
    """

    tickers: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    custom_calendars: Mapping[str, OwnCalendar] = field(default_factory=dict)


@contextmanager
def overlay_config(store: Repository, overlay: ConfigOverlay) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection whose current database is the overlay over the store's snapshot."""
    with store.connection() as connection:
        name = identifier(f"overlay_{next(_NUMBERS)}")
        row = connection.execute(sqlfiles.load("snapshot.current_database")).fetchone()
        snapshot = identifier(row[0] if row else "")
        connection.execute(sqlfiles.load("overlay.open", overlay=name))
        try:
            _fill(connection, snapshot, store, overlay)
            yield connection
        finally:
            connection.execute(sqlfiles.load("overlay.close", overlay=name, snapshot=snapshot))


def _fill(connection: duckdb.DuckDBPyConnection, snapshot: Sql, store: Repository, overlay: ConfigOverlay) -> None:
    replay.create_tables(connection)
    connection.execute(sqlfiles.load("schema/object_tables"))
    connection.execute(sqlfiles.load("overlay.fill", snapshot=snapshot))
    now = datetime.now(UTC)
    rows = [{**row, "updated_at": now} for row in overlay.tickers]
    if rows:
        replay.upsert_rows(connection, "ticker_settings", rows)
    replay.refresh_derived_tables(connection, infer_calendar)
    _add_calendars(connection, overlay.custom_calendars)
    universe = sorted(
        (row for row in overlay.tickers if row.get("universe_position") is not None),
        key=lambda row: row["universe_position"],
    )
    create_views(connection, store.path, settings=overlay.settings, universe=[row["ticker"] for row in universe])


def _add_calendars(connection: duckdb.DuckDBPyConnection, custom: Mapping[str, OwnCalendar]) -> None:
    """Add the sessions of calendars that the store does not have, also for tickers without bars."""
    rows = connection.execute(sqlfiles.load("derive.calendars_to_extend"), {"horizon": date.min}).fetchall()
    missing = sorted({canonical_name(name, custom) for name, _ in rows})
    if missing:
        zones, sessions = calendar_tables(missing, own=custom)
        replay.upsert_rows(connection, "calendars", zones.to_pylist())
        replay.upsert_rows(connection, "sessions", sessions.to_pylist())
        replay.refresh_session_days(connection)
