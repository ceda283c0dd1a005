"""The sessions that a commit adds: those of calendars that a ticker needs and the store does not have yet.

They are part of the log: a later version of the calendar library may list other sessions, and `rebuild` must restore
the same tables.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.storage.commit.commit_log import LogRecord, upserts

if TYPE_CHECKING:
    import duckdb

_HORIZON = timedelta(days=30)


def calendar_records(connection: duckdb.DuckDBPyConnection, at: datetime) -> list[LogRecord]:
    """Return records for each calendar in use that is missing, or whose sessions end within 30 days of `at`."""
    horizon = {"horizon": at.date() + _HORIZON}
    needed = connection.execute(sqlfiles.load("derive.calendars_to_extend"), horizon).fetchall()
    return [record for calendar, last_session in needed for record in _records_of(calendar, last_session)]


def _records_of(calendar: str, last_session: date | None) -> list[LogRecord]:
    from mtstore.calendars import calendar_names, calendar_timezone, session_table

    if last_session is not None and calendar not in calendar_names():
        return []  # a custom calendar ends where its author ended it
    rows = session_table(calendar).to_pylist()
    new = [row for row in rows if last_session is None or row["session_date"] > last_session]
    if not new:
        return []
    zone = {"calendar": calendar, "timezone": calendar_timezone(calendar)}
    return [*upserts("calendars", [zone]), *upserts("sessions", new)]
