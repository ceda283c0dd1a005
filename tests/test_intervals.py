from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore.errors import IntervalError, MtstoreError
from mtstore.intervals import BarInterval, parse_interval


@pytest.mark.parametrize(
    ("text", "canonical", "months", "days", "microseconds"),
    [
        ("1s", "1s", 0, 0, 1_000_000),
        ("30s", "30s", 0, 0, 30_000_000),
        ("90s", "90s", 0, 0, 90_000_000),
        ("1min", "1min", 0, 0, 60_000_000),
        ("1m", "1min", 0, 0, 60_000_000),
        ("5min", "5min", 0, 0, 300_000_000),
        ("7m", "7min", 0, 0, 420_000_000),
        ("60min", "1h", 0, 0, 3_600_000_000),
        ("1h", "1h", 0, 0, 3_600_000_000),
        ("390min", "390min", 0, 0, 23_400_000_000),
        ("23h", "23h", 0, 0, 82_800_000_000),
        ("1d", "1d", 0, 1, 0),
        ("1w", "1w", 0, 7, 0),
        ("1mo", "1mo", 1, 0, 0),
        ("24h", "1d", 0, 1, 0),
        ("1440min", "1d", 0, 1, 0),
        ("168h", "1w", 0, 7, 0),
        ("7d", "1w", 0, 7, 0),
        ("1week", "1w", 0, 7, 0),
        ("1 month", "1mo", 1, 0, 0),
        ("5 minutes", "5min", 0, 0, 300_000_000),
        ("05min", "5min", 0, 0, 300_000_000),
        ("1h 30min", "90min", 0, 0, 5_400_000_000),
        ("00:05:00", "5min", 0, 0, 300_000_000),
    ],
)
def test_valid_spellings_give_their_canonical_text_and_parts(text, canonical, months, days, microseconds):
    assert parse_interval(text) == BarInterval(canonical, months, days, microseconds)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("5T", "write 5min"),
        ("1H", "write 1h"),
        ("1M", "write 1min or 1mo"),
        ("1D", "write 1d"),
        ("1W", "write 1w"),
        ("30S", "write 30s"),
        ("15Min", "write 15min"),
        ("1ME", "write 1mo"),
        ("min", "write 1min"),
        ("T", "write 1min"),
        ("5", "has no unit; write 5min"),
    ],
)
def test_refused_spellings_name_the_right_one(text, hint):
    with pytest.raises(IntervalError, match="is not a bar interval") as caught:
        parse_interval(text)
    assert hint in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", " 5min", "abc", "five min", "5min5s", "1e3s", "٥min", "5min\n1h", "nan", "1y", "12mo", None, 5, 5.0),
        *("1.5h", "0min", "0d", "-5min", "0.5s", "500ms", "2d", "3mo", "25h", "30 days", "99999999999999999999s"),
        *("6 days 24:00:00", "00:00:01.5", "24:00:01", "5:00"),
    ],
)
def test_nonsense_is_refused_with_what_is_valid(text):
    with pytest.raises(IntervalError, match="30s, 1min"):
        parse_interval(text)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused_with_our_error(text):
    try:
        interval = parse_interval(text)
    except MtstoreError:
        return
    assert parse_interval(interval.text) == interval


@given(st.integers(min_value=1, max_value=86_399))
def test_every_whole_number_of_seconds_below_a_day_survives_its_canonical_text(seconds):
    interval = parse_interval(f"{seconds}s")
    assert interval.microseconds == seconds * 1_000_000
    assert parse_interval(interval.text) == interval
    assert interval.is_intraday


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(minutes=5), "5min"),
        (timedelta(days=1), "1d"),
        (timedelta(hours=24), "1d"),
        (timedelta(weeks=1), "1w"),
    ],
)
def test_a_timedelta_is_read_by_its_length(value, text):
    assert parse_interval(value).text == text


@pytest.mark.parametrize(
    "value", [timedelta(0), timedelta(minutes=-5), timedelta(days=2), timedelta(milliseconds=1500)]
)
def test_a_timedelta_that_is_no_bar_width_is_refused(value):
    with pytest.raises(IntervalError, match="is not a bar interval"):
        parse_interval(value)


def test_an_interval_passes_through_unchanged():
    interval = parse_interval("5min")
    assert parse_interval(interval) is interval


@pytest.mark.parametrize(
    ("text", "step_seconds", "expected"),
    [
        ("5min", 60, True),
        ("5min", 300, True),
        ("90s", 60, False),
        ("30s", 60, False),
        ("1h", 3_600, True),
        ("1d", 60, True),
        ("1d", 3_600, True),
        ("1d", 86_400, True),
        ("1w", 86_400, True),
        ("1mo", 86_400, True),
        ("1mo", 7 * 86_400, False),
        ("1d", 7 * 60, False),
    ],
)
def test_is_multiple_of_says_whether_stored_bars_fill_the_interval(text, step_seconds, expected):
    assert parse_interval(text).is_multiple_of(step_seconds * 1_000_000) is expected


def test_is_multiple_of_refuses_a_step_that_is_no_width():
    with pytest.raises(IntervalError, match="above 0"):
        parse_interval("1d").is_multiple_of(0)


@pytest.mark.parametrize("text", ["1s", "90s", "1min", "5min", "1h", "23h", "1d", "1w", "1mo"])
def test_duckdb_reads_the_sql_text_as_the_same_interval(text):
    interval = parse_interval(text)
    parts = duckdb.execute(
        "SELECT datepart('month', i), datepart('day', i), epoch_us(i) FROM (SELECT $text::INTERVAL AS i)",
        {"text": interval.to_sql_text()},
    ).fetchone()
    days_us = 86_400_000_000 * (interval.days + 30 * interval.months)
    assert parts == (interval.months, interval.days, interval.microseconds + days_us)


@pytest.mark.parametrize("text", ["90s", "5min", "1d", "1w"])
def test_the_timedelta_binds_as_the_same_interval(text):
    interval = parse_interval(text)
    found = duckdb.execute(
        "SELECT $a::INTERVAL = $b::INTERVAL", {"a": interval.to_timedelta(), "b": interval.to_sql_text()}
    ).fetchone()
    assert found == (True,)


def test_a_month_has_no_timedelta():
    with pytest.raises(IntervalError, match="no fixed length"):
        parse_interval("1mo").to_timedelta()
