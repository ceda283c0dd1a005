"""Hours of CME's product groups and of spot currencies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import mtstore
from mtstore.calendars import calendar_timezone, session_table
from mtstore.calendars.product_groups import PRODUCT_GROUPS

CHICAGO = ZoneInfo("America/Chicago")


def _hours(calendar: str) -> dict[str, tuple[str, ...]]:
    """Return open, break and close of each session in Chicago, with the weekday of the open."""
    formats = {"open_ts": "%a %H:%M", "break_start_ts": "%H:%M", "break_end_ts": "%H:%M", "close_ts": "%H:%M"}
    hours = {}
    for row in session_table(calendar, last=date(2025, 12, 31)).to_pylist():
        found = [(row[name], form) for name, form in formats.items() if row[name] is not None]
        hours[str(row["session_date"])] = tuple(f"{at.astimezone(CHICAGO):{form}}" for at, form in found)
    return hours


@pytest.mark.parametrize(
    ("calendar", "usual", "holiday", "black_friday"),
    [
        ("CME_FX", ("Thu 17:00", "16:00", "17:00", "17:00"), ("Sun 17:00", "16:00", "17:00", "17:00"), "12:15"),
        ("CME_RATES", ("Thu 17:00", "16:00", "17:00", "17:00"), ("Sun 17:00", "12:00"), "12:15"),
        ("CME_ENERGY", ("Thu 17:00", "16:00", "17:00", "17:00"), ("Sun 17:00", "13:30"), "12:45"),
        ("CME_METALS", ("Thu 17:00", "16:00", "17:00", "17:00"), ("Sun 17:00", "13:30"), "12:45"),
        ("CME_GRAINS", ("Thu 19:00", "07:45", "08:30", "13:20"), None, "12:05"),
        ("CME_LIVESTOCK", ("Fri 08:30", "13:05"), None, "12:05"),
    ],
)
def test_product_group_has_hours_of_its_own(
    calendar: str, usual: tuple[str, ...], holiday: tuple[str, ...] | None, black_friday: str
) -> None:
    hours = _hours(calendar)
    assert hours["2024-03-08"] == usual
    assert hours.get("2024-01-15") == hours.get("2024-05-27") == holiday
    assert hours["2024-11-29"][-1] == black_friday
    assert "2024-12-25" not in hours
    assert calendar_timezone(calendar) == "America/Chicago"


def test_grains_have_no_evening_before_the_day_after_thanksgiving() -> None:
    hours = _hours("CME_GRAINS")
    assert hours["2024-11-29"] == ("Fri 08:30", "12:05")
    assert hours["2024-01-16"] == ("Mon 19:00", "07:45", "08:30", "13:20")


@pytest.mark.parametrize(("day", "is_observed"), [("2022-06-20", True), ("2023-06-19", True), ("2021-06-18", False)])
def test_juneteenth_is_a_holiday_since_2022(day: str, is_observed: bool) -> None:
    assert (_hours("CME_RATES")[day][-1] == "12:00") is is_observed
    assert (day not in _hours("CME_GRAINS")) is is_observed


def test_holidays_before_2022_close_at_noon() -> None:
    assert {_hours(name)["2021-01-18"][-1] for name in ("CME_FX", "CME_ENERGY", "CME_RATES")} == {"12:00"}


@pytest.mark.parametrize("calendar", [*PRODUCT_GROUPS, "FOREX"])
def test_sessions_are_in_order_and_disjoint(calendar: str) -> None:
    table = session_table(calendar)
    opens, closes = (table[name].cast("int64").to_numpy() for name in ("open_ts", "close_ts"))
    assert (opens < closes).all()
    assert (closes[:-1] <= opens[1:]).all()
    assert set(table["calendar"].to_pylist()) == {calendar}


def _minutes(start: str, end: str, tz: str) -> pd.DataFrame:
    index = pd.date_range(start, end, freq="1min", tz=tz, inclusive="left")
    return pd.DataFrame({"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0}, index=index)


def test_spot_currencies_trade_five_whole_days(store: mtstore.Store) -> None:
    store.ingest(
        _minutes("2024-03-03 17:00", "2024-03-08 17:00", "America/New_York"), ticker="C:EURUSD", schema="ohlcv-1m"
    )
    days = store.sql("SELECT session_date, bar_count FROM resampled(['C:EURUSD'], '1d') ORDER BY 1").fetchall()
    assert days == [(date(2024, 3, day), 1_440) for day in range(4, 9)]
    gaps = "FROM gaps(['C:EURUSD'], 5, start_ts := DATE '2024-03-04', end_ts := DATE '2024-03-08')"
    assert store.sql(gaps).fetchall() == []


@pytest.mark.parametrize(
    ("ticker", "start", "end", "count"),
    [("6EH4", "2024-01-15 12:00", "2024-01-15 16:00", 240), ("ZCH4", "2024-01-16 07:00", "2024-01-16 09:00", 75)],
)
def test_bars_of_a_product_are_in_the_sessions_of_its_group(
    store: mtstore.Store, ticker: str, start: str, end: str, count: int
) -> None:
    store.ingest(_minutes(start, end, "America/Chicago"), ticker=ticker, schema="ohlcv-1m")
    assert store.sql(f"SELECT count(*) FROM resampled(['{ticker}'], '1min')").fetchall() == [(count,)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[mtstore.Store]:
    with mtstore.open(tmp_path / "store", create=True) as opened:
        yield opened
