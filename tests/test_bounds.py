from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore.bounds import Bounds, parse_bounds, parse_zone, zone_names
from mtstore.errors import InputError, MtstoreError, RangeError

NEW_YORK = "America/New_York"


def utc(*parts: int) -> datetime:
    year, month, day, *clock = (*parts, 0, 0, 0, 0)[:7]
    return datetime(year, month, day, clock[0], clock[1], clock[2], clock[3], tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2023-01-31",
        " 2023-01-31 ",
        date(2023, 1, 31),
        np.datetime64("2023-01-31"),
        np.datetime64("2023-01-31", "D"),
    ],
)
def test_a_bare_date_stays_a_date(value):
    assert parse_bounds(value, None, tz=NEW_YORK).start == date(2023, 1, 31)
    assert type(parse_bounds(value, None, tz=NEW_YORK).start) is date


@pytest.mark.parametrize(
    "value",
    [
        "2023-01-31T14:30:00Z",
        "2023-01-31 14:30Z",
        "2023-01-31 14:30z",
        "2023-01-31T09:30:00-05:00",
        "2023-01-31 09:30:00.000-0500",
        "2023-01-31 09:30:00-05",
        "2023-01-31 09:30:00 -05:00",
        "2023-01-31 20:00:00+05:30",
        datetime(2023, 1, 31, 9, 30, tzinfo=ZoneInfo(NEW_YORK)),
        datetime(2023, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=-5))),
        pd.Timestamp("2023-01-31 09:30", tz=NEW_YORK),
        pd.Timestamp("2023-01-31 14:30", tz="UTC"),
    ],
)
def test_an_instant_is_taken_as_it_is_whatever_the_zone_of_the_range(value):
    for tz in (NEW_YORK, "Asia/Kolkata", "UTC"):
        assert parse_bounds(value, None, tz=tz).start == utc(2023, 1, 31, 14, 30)


@pytest.mark.parametrize(
    "value",
    [
        "2023-01-31 09:30",
        "2023-01-31T09:30:00",
        "2023-01-31T09:30:00.000000",
        datetime(2023, 1, 31, 9, 30),  # noqa: DTZ001
        pd.Timestamp("2023-01-31 09:30"),
        np.datetime64("2023-01-31T09:30"),
        np.datetime64("2023-01-31T09:30:00.000000000"),
    ],
)
def test_a_naive_time_is_wall_time_in_the_zone_of_the_range(value):
    assert parse_bounds(value, None, tz=NEW_YORK).start == utc(2023, 1, 31, 14, 30)
    assert parse_bounds(value, None, tz="Asia/Kolkata").start == utc(2023, 1, 31, 4, 0)
    assert parse_bounds(value).start == utc(2023, 1, 31, 9, 30)


def test_a_naive_midnight_is_an_instant_and_no_date():
    bounds = parse_bounds(pd.Timestamp("2023-01-31"), np.datetime64("2023-02-01T00"), tz=NEW_YORK)
    assert bounds == Bounds(utc(2023, 1, 31, 5), utc(2023, 2, 1, 5), NEW_YORK)


def test_none_leaves_an_end_open():
    assert parse_bounds() == Bounds(None, None, "UTC")
    assert parse_bounds().covering_us() == (None, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2023-01-31T00:00:00.000000001Z", utc(2023, 1, 31, 0, 0, 0, 1)),
        ("2023-01-31T00:00:00.000001Z", utc(2023, 1, 31, 0, 0, 0, 1)),
        ("2023-01-31T00:00:00.5Z", utc(2023, 1, 31, 0, 0, 0, 500_000)),
        ("2023-01-31T23:59:59.999999999Z", utc(2023, 2, 1)),
        (pd.Timestamp("2023-01-31T23:59:59.999999999", tz="UTC"), utc(2023, 2, 1)),
        (np.datetime64("2023-01-31T23:59:59.999999999"), utc(2023, 2, 1)),
    ],
)
def test_nanoseconds_round_up_so_that_no_bar_changes_sides(value, expected):
    assert parse_bounds(value, None).start == expected


def test_an_ambiguous_wall_time_is_refused_with_both_instants():
    with pytest.raises(RangeError, match="2023-11-05 01:30:00 happens twice in America/New_York") as caught:
        parse_bounds("2023-11-05 01:30", None, tz=NEW_YORK)
    assert "2023-11-05T01:30:00-04:00 or 2023-11-05T01:30:00-05:00" in str(caught.value)
    assert parse_bounds("2023-11-05 01:30-05:00", None, tz=NEW_YORK).start == utc(2023, 11, 5, 6, 30)


@pytest.mark.parametrize("value", ["2023-03-12 02:30", pd.Timestamp("2023-03-12 02:00:00")])
def test_a_wall_time_that_clocks_skip_is_refused(value):
    with pytest.raises(RangeError, match=r"end 2023-03-12 02:\d0:00 does not exist in America/New_York"):
        parse_bounds(None, value, tz=NEW_YORK)


@pytest.mark.parametrize("text", ["2023-03-12 01:59:59", "2023-03-12 03:00", "2023-11-05 00:59", "2023-11-05 02:00"])
def test_wall_times_beside_a_change_of_clocks_are_plain(text):
    start = parse_bounds(text, None, tz=NEW_YORK).start
    assert isinstance(start, datetime)
    assert start.astimezone(ZoneInfo(NEW_YORK)).replace(tzinfo=None) == datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "value",
    [
        *("", "yesterday", "90d", "2023", "2023-01", "2023-13-01", "2023-02-30", "20230131", "2023-W05-2"),
        *("2023-01-31 25:00", "2023-01-31T09:30:00+99:00", "2023-01-31 09:30 America/New_York"),
        *("٢٠٢٣-01-31", "infinity", "0001-01-01 00:00+05:00"),
        *(0, 1.5, 1_700_000_000_000, True, ("2023-01-31",)),
        *(pd.NaT, np.datetime64("NaT"), np.datetime64("2023-01"), np.datetime64("2023")),
        datetime(9999, 12, 31, 23, 59),  # noqa: DTZ001
    ],
)
def test_what_is_no_bound_is_refused_with_its_name(value):
    with pytest.raises(RangeError, match=r"^end "):
        parse_bounds(None, value, tz=NEW_YORK)


@given(st.text(max_size=30), st.sampled_from(["UTC", NEW_YORK, "Pacific/Auckland"]))
def test_any_text_is_read_or_refused_with_our_error(text, tz):
    try:
        parse_bounds(text, None, tz=tz)
    except MtstoreError:
        return


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)))  # noqa: DTZ001
def test_every_wall_time_reads_as_one_instant_that_shows_it_or_is_refused(wall):
    try:
        start = parse_bounds(wall, None, tz=NEW_YORK).start
    except RangeError:
        return
    assert isinstance(start, datetime)
    assert start.astimezone(ZoneInfo(NEW_YORK)).replace(tzinfo=None) == wall.replace(fold=0)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2023-02-01", "2023-01-31"),
        ("2023-01-31T10:00Z", "2023-01-31T10:00Z"),
        ("2023-01-31 10:00", "2023-01-31 09:00"),
        ("2023-02-03", "2023-02-01T10:00Z"),
        ("2023-02-03T10:00Z", "2023-02-01"),
    ],
)
def test_a_start_that_is_not_before_its_end_is_refused(start, end):
    with pytest.raises(RangeError, match=r"start .* is not before end"):
        parse_bounds(start, end, tz=NEW_YORK)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2023-01-31", "2023-01-31"),
        # Monday's session opens on Sunday evening, and in Tokyo Friday's ends on Saturday.
        ("2023-01-30", "2023-01-29 20:00"),
        ("2023-01-28 05:00", "2023-01-27"),
    ],
)
def test_dates_name_sessions_that_may_open_a_day_earlier_or_close_a_day_later(start, end):
    parse_bounds(start, end, tz=NEW_YORK)


def test_covering_instants_are_exact_for_instants_and_wide_for_dates():
    assert parse_bounds("1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z").covering_us() == (
        1_000_000,
        2_000_000,
    )
    day_us = 86_400_000_000
    assert parse_bounds("1970-01-05", "1970-01-05").covering_us() == (2 * day_us, 7 * day_us)


def test_dates_can_mean_days_of_a_zone_with_the_last_one_included():
    hour_us = 3_600_000_000
    day_us = 24 * hour_us
    assert parse_bounds("1970-01-02", "1970-01-02").as_days_us() == (day_us, 2 * day_us)
    assert parse_bounds("1970-01-02T00:00Z", "1970-01-03T00:00Z").as_days_us() == (day_us, 2 * day_us)
    berlin = parse_bounds("1970-01-02", "1970-01-02", tz="Europe/Berlin").as_days_us()
    assert berlin == (day_us - hour_us, 2 * day_us - hour_us)
    start, end = parse_bounds("2023-11-05", "2023-11-05", tz="America/New_York").as_days_us()
    assert end - start == 25 * hour_us
    with pytest.raises(RangeError, match="both ends"):
        parse_bounds("1970-01-02", None).as_days_us()


def test_covering_instants_exist_for_the_first_and_last_date():
    start_us, end_us = parse_bounds("0001-01-01", "9999-12-31").covering_us()
    assert start_us is not None
    assert end_us is not None
    assert start_us < end_us


def test_duckdb_keeps_dates_and_instants_apart_when_the_bounds_are_bound():
    bounds = parse_bounds("2023-01-31", "2023-02-01 09:30", tz=NEW_YORK)
    kinds = duckdb.execute(
        "SELECT typeof($a), typeof($b), epoch_us($b)", {"a": bounds.start, "b": bounds.end}
    ).fetchone()
    assert kinds == ("DATE", "TIMESTAMP WITH TIME ZONE", bounds.covering_us()[1])


def test_bounds_say_whether_the_end_is_included():
    assert str(parse_bounds("2023-01-30", "2023-01-31")) == "2023-01-30 up to and including 2023-01-31"
    assert str(parse_bounds(None, "2023-01-31T00:00Z")) == "the beginning up to 2023-01-31T00:00:00+00:00"


@pytest.mark.parametrize("name", ["UTC", "US/Eastern", NEW_YORK, "Asia/Kolkata", "Etc/GMT+5"])
def test_iana_names_old_and_new_are_zones(name):
    assert parse_zone(name).key == name


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("America/NewYork", NEW_YORK),
        ("new york", NEW_YORK),
        ("us/eastern", "US/Eastern"),
        ("utc", "UTC"),
        ("Europe/Londn", "Europe/London"),
    ],
)
def test_an_unknown_zone_names_the_nearest(name, nearest):
    with pytest.raises(InputError, match=f"did you mean '{nearest}'"):
        parse_zone(name)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc/localtime", "America", "localtime", "\0", "Q" * 300])
def test_a_name_that_is_no_zone_is_refused_before_any_file_is_opened(name):
    with pytest.raises(InputError, match="unknown time zone"):
        parse_zone(name)


def test_every_zone_name_can_be_read():
    assert len(zone_names()) > 500
    for name in zone_names():
        parse_zone(name)
