"""The sessions that a commit adds: those of calendars that a ticker needs and the store does not have yet.

They are part of the log: a later version of the calendar library may list other sessions, and `rebuild` must restore
the same tables.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.storage.commit.commit_log import LogRecord, upserted_columns, upserts

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_HORIZON = timedelta(days=30)


def calendar_records(connection: duckdb.DuckDBPyConnection, at: datetime) -> list[LogRecord]:
    """Return records for each calendar in use that is missing, or whose sessions end within 30 days of `at`."""
    from mtstore.calendars import calendar_timezone

    horizon = {"horizon": at.date() + _HORIZON}
    needed = connection.execute(sqlfiles.load("derive.calendars_to_extend"), horizon).fetchall()
    sessions = {calendar: _new_sessions(calendar, last_session) for calendar, last_session in needed}
    found = {calendar: rows for calendar, rows in sessions.items() if rows is not None and rows.num_rows}
    zones = [{"calendar": calendar, "timezone": calendar_timezone(calendar)} for calendar in found]
    # Records of a kind together: `replay_entry` runs one statement for each kind.
    return [*upserts("calendars", zones), *(upserted_columns("sessions", rows) for rows in found.values())]


def _new_sessions(calendar: str, last_session: date | None) -> pa.Table | None:
    import pyarrow.compute as pc

    from mtstore.calendars import calendar_names, session_table

    if last_session is None:
        return session_table(calendar)
    if calendar not in calendar_names():
        return None  # a custom calendar ends where its author ended it
    return session_table(calendar).filter(pc.field("session_date") > last_session)
