"""The time line of a session key: every instant once, whatever window a ticker has of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow.compute as pc
import pytest

from mtstore import sqlfiles
from mtstore.calendars import calendar_tables

CALENDARS = ("XNYS", "CMES", "24/7", "XHKG")
CLOCKS = (None, "02:00", "09:30", "13:00", "20:00")
KEYS = [
    *product(CALENDARS, CLOCKS, CLOCKS, [None]),
    *product(["XNYS"], CLOCKS, CLOCKS, ["Asia/Tokyo"]),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Sessions of two years, and a ticker for every window of KEYS."""
    calendars, sessions = calendar_tables(CALENDARS)
    day = sessions["session_date"]
    sessions = sessions.filter(pc.and_(pc.greater_equal(day, date(2023, 1, 1)), pc.less(day, date(2025, 1, 1))))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in duckdb.extract_statements(sqlfiles.load("schema/tables")):
            connection.execute(statement)
        for table, rows in (("calendars", calendars), ("sessions", sessions)):
            connection.register("given", rows)
            connection.execute(f"INSERT INTO core.{table} BY NAME FROM given")
        for calendar, start, end, zone in KEYS:
            if start != end:
                name = _key(calendar, start, end, zone)
                connection.execute(
                    "INSERT INTO core.ticker_list BY NAME SELECT $key AS ticker, $key AS session_key,"
                    " $calendar AS calendar, false AS calendar_is_inferred, $start AS session_start,"
                    " $end AS session_end, $zone AS timezone",
                    {"key": name, "calendar": calendar, "start": start, "end": end, "zone": zone},
                )
        for statement in duckdb.extract_statements(sqlfiles.load("session_days.build")):
            connection.execute(statement)
        yield connection


def _key(calendar: str, start: str | None, end: str | None, zone: str | None) -> str:
    return "|".join(str(part) for part in (calendar, start, end, zone))


def test_every_instant_belongs_to_one_piece(connection: duckdb.DuckDBPyConnection) -> None:
    faults = connection.execute("""
        SELECT session_key, utc_day, count(*), sum(end_us - start_us)
        FROM core.session_days
        WHERE utc_day BETWEEN 19400 AND 20000
        GROUP BY session_key, utc_day
        HAVING sum(end_us - start_us) <> 86400000000 OR bool_or(start_us >= end_us)
            OR max(end_us) - min(start_us) <> 86400000000
        """).fetchall()
    assert faults == []
    assert connection.execute("SELECT count(DISTINCT session_key) FROM core.session_days").fetchone() == (
        105 + len(CALENDARS) - 5,
    )


def _hours(connection: duckdb.DuckDBPyConnection, key: str, day: date, zone: str) -> Any:
    opened, closed = connection.execute(
        "SELECT min(start_us), max(end_us) FROM core.session_days"
        " WHERE session_key = $key AND session_date = $day AND segment = 'regular'",
        {"key": key, "day": day},
    ).fetchone() or (None, None)
    if opened is None:
        return None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    walls = [(epoch + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)) for at in (opened, closed)]
    return [f"{wall:%d %H:%M}" for wall in walls]


@pytest.mark.parametrize(
    ("key", "day", "zone", "hours"),
    [
        (("XNYS", "09:30", "13:00", None), "2023-06-01", "America/New_York", ["01 09:30", "01 13:00"]),
        (("XNYS", "20:00", "02:00", None), "2023-06-01", "America/New_York", ["31 20:00", "01 02:00"]),
        (("XNYS", None, "13:00", None), "2023-06-01", "America/New_York", ["01 09:30", "01 13:00"]),
        (("XNYS", "13:00", None, None), "2023-06-01", "America/New_York", ["01 13:00", "01 16:00"]),
        # Before the calendar's open: the morning after.
        (("XNYS", None, "02:00", None), "2023-06-01", "America/New_York", ["01 09:30", "02 02:00"]),
        # A half day, after whose close the window would begin, has no session.
        (("XNYS", "13:00", None, None), "2023-11-24", "America/New_York", None),
        (("XNYS", "02:00", "20:00", None), "2023-11-24", "America/New_York", ["24 02:00", "24 13:00"]),
        (("CMES", None, "13:00", None), "2023-06-01", "America/Chicago", ["31 17:00", "01 13:00"]),
        # The break begins at 16:00, and the next session, which is not cut short, at 17:00.
        (("CMES", None, "20:00", None), "2023-06-01", "America/Chicago", ["31 17:00", "01 16:00"]),
        (("CMES", None, "20:00", None), "2023-06-02", "America/Chicago", ["01 17:00", "02 20:00"]),
        (("CMES", "20:00", None, None), "2023-06-01", "America/Chicago", ["31 20:00", "01 16:00"]),
        (("24/7", None, "20:00", None), "2023-06-01", "UTC", ["01 00:00", "01 20:00"]),
        (("XNYS", "09:30", "13:00", "Asia/Tokyo"), "2023-06-01", "Asia/Tokyo", ["01 09:30", "01 13:00"]),
    ],
)
def test_windows_are_these(
    connection: duckdb.DuckDBPyConnection, key: tuple[Any, ...], day: str, zone: str, hours: list[str] | None
) -> None:
    assert _hours(connection, _key(*key), date.fromisoformat(day), zone) == hours
