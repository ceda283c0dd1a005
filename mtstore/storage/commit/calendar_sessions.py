"""The sessions that a commit must bring along: those of calendars that a ticker needs and the store has not yet.

They go into the log, because a later version of the calendar library may know other sessions, and `rebuild` must give
the same tables.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.storage.commit import commit_log as log

if TYPE_CHECKING:
    import duckdb

_HORIZON = timedelta(days=30)


def calendar_records(connection: duckdb.DuckDBPyConnection, at: datetime) -> list[log.LogRecord]:
    """Records for every calendar in use that is missing, or whose sessions end within 30 days of `at`."""
    wanted = connection.execute(
        sqlfiles.load("derive.calendars_to_extend"), {"horizon": at.date() + _HORIZON}
    ).fetchall()
    records: list[log.LogRecord] = []
    for calendar, last_session in wanted:
        records += _records_of(calendar, last_session)
    return records


def _records_of(calendar: str, last_session: date | None) -> list[log.LogRecord]:
    from mtstore.calendars import calendar_names, calendar_timezone, session_table

    if last_session is not None and calendar not in calendar_names():
        return []  # one of somebody's own: it ends where its author says
    rows = session_table(calendar).to_pylist()
    fresh = [row for row in rows if last_session is None or row["session_date"] > last_session]
    if not fresh:
        return []
    zone = {"calendar": calendar, "timezone": calendar_timezone(calendar)}
    return [*log.upserts("calendars", [zone]), *log.upserts("sessions", fresh)]
