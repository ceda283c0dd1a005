"""Which buckets gaps and quality look at: those that lie wholly in the range, of every ticker that has such bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

OPEN = datetime(2023, 6, 1, 13, 30, tzinfo=UTC)


def _minutes(*without: int, count: int = 390) -> list[tuple[Any, ...]]:
    return [(OPEN + timedelta(minutes=n), 1.0, 1.0, 1.0, 1.0, 1.0) for n in range(count) if n not in without]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("09:30", "10:00", 6),
        ("09:32", "10:00", 5),  # the bucket of 09:30 is not in the range, that of 09:35 is
        ("09:34:30", "10:00", 5),
        ("09:35", "09:57", 4),  # the bucket of 09:55 is not: it ends at 10:00
        ("09:31", "09:34", 0),
        ("09:25", "09:26", 0),
        ("15:58", "16:30", 0),
        ("15:54", "16:30", 1),
    ],
)
def test_a_bound_that_cuts_a_bucket_makes_no_gap(market: Any, start: str, end: str, expected: int) -> None:
    market.configure("AAA", calendar="XNYS")
    # In each of these buckets only bars beyond the bounds that cut it.
    market.add_bars("AAA", _minutes(*range(2, 5), *range(25, 27), 384, 388))
    given = f"start_ts := '2023-06-01 {start}', end_ts := '2023-06-01 {end}', bar_interval := '5min'"
    with market.open() as connection:
        gaps = connection.execute(f"FROM gaps(['AAA'], 1, {given})").fetchall()
        quality = connection.execute(
            f"SELECT expected_bars, present_bars, gap_count FROM quality(['AAA'], 1, {given})"
        ).fetchall()
        buckets = connection.execute(f"FROM resampled(['AAA'], '5min', {given[: given.index(', bar')]})").fetchall()
    assert gaps == []
    assert quality == ([(expected, expected, 0)] if expected else [])
    assert len(buckets) == expected


def test_a_cut_range_still_has_its_gaps(market: Any) -> None:
    market.configure("AAA", calendar="XNYS")
    market.add_bars("AAA", _minutes(*range(5, 10), *range(375, 380)))
    given = "start_ts := '2023-06-01 09:32', end_ts := '2023-06-01 15:54', bar_interval := '5min'"
    with market.open() as connection:
        found = connection.execute(
            f"SELECT timezone('UTC', first_missing)::VARCHAR, missing_bars, position FROM gaps(['AAA'], 1, {given})"
        ).fetchall()
    assert found == [("2023-06-01 13:35:00", 1, "leading"), ("2023-06-01 19:45:00", 1, "trailing")]


@pytest.fixture
def mixed(market: Any) -> Any:
    """One ticker with minutes, and one with days alone."""
    market.add_bars("AAA", _minutes(100))
    days = [(f"2023-06-{day:02}", 1.0, 1.0, 1.0, close, 1.0) for day, close in DAYS]
    market.add_bars("DAY", days, schema="ohlcv-1d")
    return market


DAYS = [(day, 1.0 + day**2 % 7 / 100) for day in (1, 2, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 20, 21, 22, 23)] + [
    (26, 9.0)
]


@pytest.mark.parametrize("macro", ["gaps({}, 0.5)", "quality({}, 0.5)", "outliers({}, 3)"])
def test_looking_at_everything_passes_over_tickers_without_such_bars(mixed: Any, macro: str) -> None:
    with mixed.open() as connection:
        everything = connection.execute(f"FROM {macro.format('NULL')}").fetchall()
        assert everything == connection.execute(f"FROM {macro.format(repr(['AAA']))}").fetchall()
        with pytest.raises(duckdb.Error, match="nothing stored of 'DAY' gives bars of"):
            connection.execute(f"FROM {macro.format(repr(['AAA', 'DAY']))}").fetchall()


def test_a_configured_universe_is_never_passed_over(mixed: Any) -> None:
    mixed.settings["universe"] = ["AAA", "DAY"]
    for place, ticker in enumerate(["AAA", "DAY"], start=1):
        mixed.configure(ticker, calendar="XNYS", universe_position=place)
    with mixed.open() as connection, pytest.raises(duckdb.Error, match="nothing stored of 'DAY' gives bars of"):
        connection.execute("FROM gaps(NULL, 1)").fetchall()


@pytest.mark.parametrize("arguments", ["3.5", "20, trailing_bars := 10", "20, method := 'robust'"])
def test_a_day_is_compared_with_the_day_before(mixed: Any, arguments: str) -> None:
    with mixed.open() as connection:
        found = connection.execute(
            "SELECT ticker, session_date::VARCHAR, close, previous_close "
            f"FROM outliers(NULL, {arguments}, bar_interval := '1d')"
        ).fetchall()
    assert found == [("DAY", "2023-06-26", 9.0, DAYS[-2][1])]
