"""Calendars: the library's, our corrections of it, and calendars of one's own."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mtstore.calendars import (
    calendar_tables,
    calendar_timezone,
    session_schema,
    session_table,
)
from mtstore.config import load_config
from mtstore.custom_calendars import OwnCalendar
from mtstore.errors import InputError

NIGHT_DESK = {
    "timezone": "Europe/Berlin",
    "open": "22:00",
    "close": "17:00",
    "break": ["12:00", "13:00"],
    "holidays": ["2024-12-25"],
    "half_days": {"2024-12-24": "11:30"},
}


def _session(calendar: str, day: str, **options: Any) -> dict[str, Any]:
    rows: list[dict[str, Any]] = session_table(calendar, **options).to_pylist()
    found = [row for row in rows if row["session_date"] == date.fromisoformat(day)]
    assert len(found) == 1
    return found[0]


def _custom(entry: dict[str, Any]) -> OwnCalendar:
    return load_config({"calendars": {"NIGHT": entry}}).custom_calendars()["NIGHT"]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "opened", "closed", "is_half_day"),
    [
        ("2023-03-10", "2023-03-10 14:30", "2023-03-10 21:00", False),
        ("2023-03-13", "2023-03-13 13:30", "2023-03-13 20:00", False),
        ("2023-11-24", "2023-11-24 14:30", "2023-11-24 18:00", True),
    ],
)
def test_new_york_sessions_follow_daylight_saving_and_half_days(
    day: str, opened: str, closed: str, is_half_day: bool
) -> None:
    session = _session("XNYS", day)
    assert session["open_ts"] == _utc(opened)
    assert session["close_ts"] == _utc(closed)
    assert session["is_half_day"] is is_half_day


def test_sessions_begin_in_1990_and_reach_the_end_of_next_year() -> None:
    dates = session_table("XNYS").column("session_date").to_pylist()
    assert dates[0] == date(1990, 1, 2)
    assert (dates[-1].year, dates[-1].month) == (datetime.now(UTC).year + 1, 12)
    assert dates == sorted(set(dates))


def test_a_calendar_with_later_bounds_begins_at_its_own() -> None:
    dates = session_table("XTKS").column("session_date").to_pylist()
    assert dates[0] == date(1997, 1, 6)


def test_futures_sessions_open_the_evening_before_and_break_for_maintenance() -> None:
    session = _session("CMES", "2023-03-14")
    assert session["open_ts"] == _utc("2023-03-13 22:00")
    assert session["break_start_ts"] == _utc("2023-03-14 21:00")
    assert session["break_end_ts"] == _utc("2023-03-14 22:00")
    assert session["close_ts"] == _utc("2023-03-14 22:00")


def test_a_futures_half_day_has_closed_before_its_maintenance_break() -> None:
    session = _session("CMES", "2023-11-24")
    assert session["close_ts"] == _utc("2023-11-24 18:00")
    assert session["break_start_ts"] is None
    assert session["break_end_ts"] is None


def test_around_the_clock_means_utc_days() -> None:
    session = _session("24/7", "2023-12-25")
    assert (session["open_ts"], session["close_ts"]) == (_utc("2023-12-25"), _utc("2023-12-26"))
    assert calendar_timezone("24/7") == "UTC"


def test_aliases_are_one_calendar() -> None:
    zones, sessions = calendar_tables(["NYSE", "XNYS", "NASDAQ"], last=date(2024, 1, 5))
    assert zones.to_pylist() == [{"calendar": "XNYS", "timezone": "America/New_York"}]
    assert sessions.schema == session_schema()
    assert set(sessions.column("calendar").to_pylist()) == {"XNYS"}


def test_currency_futures_trade_to_the_usual_close_on_holidays() -> None:
    zone = ZoneInfo("America/Chicago")
    hours = {}
    for name in ("CMES", "CME_FX"):
        table = session_table(name).to_pylist()
        assert {row["calendar"] for row in table} == {name}
        hours[name] = {
            row["session_date"]: (row["close_ts"].astimezone(zone).hour, row["break_start_ts"] is not None)
            for row in table
        }
    assert hours["CMES"].keys() == hours["CME_FX"].keys()
    differing = {day for day in hours["CMES"] if hours["CMES"][day] != hours["CME_FX"][day]}
    of_2024 = ["2024-01-15", "2024-02-19", "2024-05-27", "2024-07-04", "2024-09-02", "2024-11-28"]
    assert sorted(str(day) for day in differing if day.year == 2024) == of_2024
    assert {hours["CME_FX"][day] for day in differing} == {(17, True)}
    assert min(differing).year == 2022
    assert hours["CME_FX"][date(2024, 11, 29)] == (12, False)
    assert calendar_timezone("CME_FX") == "America/Chicago"


def test_an_unknown_calendar_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown calendar 'XNYZ'; did you mean 'XNYS'\?"):
        session_table("XNYZ")


def test_no_calendars_give_empty_typed_tables() -> None:
    zones, sessions = calendar_tables([])
    assert zones.num_rows == 0
    assert sessions.schema == session_schema()


def test_an_overnight_calendar_of_ones_own_is_labelled_by_the_date_of_its_close() -> None:
    own = {"NIGHT": _custom(NIGHT_DESK)}
    session = _session("NIGHT", "2024-12-23", own=own)
    assert session["open_ts"] == _utc("2024-12-22 21:00")
    assert session["break_start_ts"] == _utc("2024-12-23 11:00")
    assert session["close_ts"] == _utc("2024-12-23 16:00")
    assert calendar_timezone("NIGHT", own) == "Europe/Berlin"


def test_holidays_and_half_days_of_ones_own_calendar_hold() -> None:
    own = {"NIGHT": _custom(NIGHT_DESK)}
    dates = session_table("NIGHT", own=own).column("session_date").to_pylist()
    assert date(2024, 12, 25) not in dates
    half_day = _session("NIGHT", "2024-12-24", own=own)
    assert half_day["close_ts"] == _utc("2024-12-24 10:30")
    assert half_day["is_half_day"] is True
    assert half_day["break_start_ts"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"opens": "09:00"}, r"calendars.NIGHT.opens: unknown key; did you mean 'open'\?"),
        ({"close": 960}, r"NIGHT.close: 960: plain YAML reads 16:00 as this number; write '16:00'"),
        ({"timezone": "Europe/Berln"}, r"unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'\?"),
        ({"days": ["mon", "someday"]}, r"days\[1\]: 'someday': a weekday is one of mon, tue"),
        ({"break": "12:00"}, r"NIGHT.break: '12:00': must be a list"),
        ({"holidays": ["Christmas"]}, r"holidays\[0\]: 'Christmas': a date is written YYYY-MM-DD"),
    ],
)
def test_a_broken_calendar_of_ones_own_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _custom(NIGHT_DESK | change)


def test_a_calendar_of_ones_own_needs_its_hours() -> None:
    with pytest.raises(InputError, match=r"calendars.NIGHT.close: is missing"):
        _custom({"timezone": "UTC", "open": "09:00"})


def test_deprecations_of_the_library_are_silenced() -> None:
    program = "from mtstore.calendars import session_table\nfor name in ('CMES', '24/7', 'XHKG'): session_table(name)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
