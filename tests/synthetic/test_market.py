"""The synthetic market against calendars that are known by heart, and against itself."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from mtstore.bars import arrow_schema
from mtstore.errors import InputError, RangeError, TickerError
from mtstore.synthetic import Faults, Split, SyntheticMarket

CLEAN = Faults.none()


def index_of(bars: pd.DataFrame, zone: str = "America/New_York") -> pd.DatetimeIndex:
    return pd.DatetimeIndex(bars.index).tz_convert(zone)


def frame(market: SyntheticMarket, ticker: str, start: str, end: str, schema: str = "ohlcv-1m") -> pd.DataFrame:
    table = market.bars(ticker, start, end, schema)
    assert table.schema.equals(arrow_schema())
    found: pd.DataFrame = table.to_pandas().set_index("ts_event")
    return found


def test_the_same_seed_gives_the_same_bars_and_another_seed_others() -> None:
    one, two, other = (SyntheticMarket(3, seed=seed).bars("AAB", "2024-03-01", "2024-03-31") for seed in (7, 7, 8))
    assert one.equals(two)
    assert not one.equals(other)


def test_a_ticker_does_not_depend_on_the_other_tickers() -> None:
    alone = SyntheticMarket(["AAB"], seed=7).bars("AAB", "2024-03-01", "2024-03-31")
    assert alone.equals(SyntheticMarket(50, seed=7).bars("AAB", "2024-03-01", "2024-03-31"))


def test_day_is_the_same_whatever_the_requested_range() -> None:
    market = SyntheticMarket(1, seed=7)
    whole = frame(market, "AAA", "2023-11-01", "2024-02-29")
    for day in ("2023-11-24", "2023-12-29", "2024-01-02", "2024-02-29"):
        apart = frame(SyntheticMarket(1, seed=7), "AAA", day, day)
        pd.testing.assert_frame_equal(apart, whole[index_of(whole).date == date.fromisoformat(day)])


def test_a_range_of_instants_is_half_open() -> None:
    market = SyntheticMarket(1, seed=7, faults=CLEAN)
    bars = frame(market, "AAA", "2024-03-05T15:00Z", "2024-03-05T15:30Z")
    assert list(bars.index) == list(pd.date_range("2024-03-05 15:00", periods=30, freq="min", tz="UTC"))


@pytest.mark.parametrize(
    ("day", "open_utc", "bars"),
    [
        ("2024-03-08", "14:30", 390),  # the last winter Friday
        ("2024-03-11", "13:30", 390),  # the first summer Monday
        ("2024-11-01", "13:30", 390),
        ("2024-11-04", "14:30", 390),
        ("2024-11-29", "14:30", 210),  # the half day after Thanksgiving
        ("2024-07-03", "13:30", 210),
    ],
)
def test_regular_sessions_follow_the_exchange(day: str, open_utc: str, bars: int) -> None:
    market = SyntheticMarket(1, seed=1, faults=CLEAN, extended_hours=False)
    index = frame(market, "AAA", day, day).index
    assert list(index) == list(pd.date_range(f"{day} {open_utc}", periods=bars, freq="min", tz="UTC"))


@pytest.mark.parametrize("day", ["2024-03-09", "2024-03-29", "2024-07-04", "2024-12-25", "2025-01-09"])
def test_weekends_and_holidays_have_no_bars(day: str) -> None:
    assert SyntheticMarket(1, seed=1).bars("AAA", day, day).num_rows == 0


def test_extended_hours_are_sparse_and_end_early_on_a_half_day() -> None:
    market = SyntheticMarket(1, seed=1, faults=CLEAN)
    local = index_of(frame(market, "AAA", "2024-11-18", "2024-11-29"))
    minutes = local.hour * 60 + local.minute
    assert minutes.min() >= 4 * 60
    assert minutes.max() < 20 * 60
    half = minutes[local.date == date(2024, 11, 29)]
    assert 13 * 60 <= half.max() < 17 * 60
    outside = ((minutes < 570) | (minutes >= 960)) & (local.date != date(2024, 11, 29))
    assert 8 * 20 < outside.sum() < 8 * 200


def test_a_midday_break_has_no_bars() -> None:
    market = SyntheticMarket(1, seed=1, calendar="XHKG", faults=CLEAN)
    index = index_of(frame(market, "AAA", "2024-03-05", "2024-03-05"), "Asia/Hong_Kong")
    expected = [*pd.date_range("2024-03-05 09:30", "2024-03-05 11:59", freq="min", tz="Asia/Hong_Kong"),
                *pd.date_range("2024-03-05 13:00", "2024-03-05 15:59", freq="min", tz="Asia/Hong_Kong")]  # fmt: skip
    assert list(index) == expected


def test_bars_are_valid_and_prices_are_whole_cents() -> None:
    market = SyntheticMarket(20, seed=5)
    for ticker in market.tickers:
        bars = frame(market, ticker, "2024-01-01", "2024-12-31")
        assert bars.index.is_monotonic_increasing
        assert bars.index.is_unique
        assert (bars.high >= bars[["open", "close"]].max(axis=1)).all()
        assert (bars.low <= bars[["open", "close"]].min(axis=1)).all()
        assert ((bars.vwap >= bars.low) & (bars.vwap <= bars.high)).all()
        assert (bars.low > 0).all()
        assert ((bars.volume >= 1) & (bars.volume % 1 == 0)).all()
        assert (bars.transactions >= 1).all()
        for name in ("open", "high", "low", "close"):
            assert (bars[name] == np.round(bars[name], 2)).all()


def test_volumes_may_be_fractional() -> None:
    bars = frame(SyntheticMarket(1, seed=5, fractional_volume=True), "AAA", "2024-01-02", "2024-01-02")
    assert (bars.volume % 1 != 0).mean() > 0.9


def test_thin_tickers_miss_minutes_and_the_others_do_not() -> None:
    market = SyntheticMarket(["AAA", "BBB"], seed=5, thin=["BBB"], faults=Faults(halts=False), extended_hours=False)
    assert market.thin_tickers == ("BBB",)
    assert market.bars("AAA", "2024-01-02", "2024-01-31").num_rows == 21 * 390
    assert 0 < market.bars("BBB", "2024-01-02", "2024-01-31").num_rows < 20 * 390


def test_hours_and_days_are_made_of_the_minutes() -> None:
    market = SyntheticMarket(1, seed=5, thin=())
    minutes = frame(market, "AAA", "2024-03-01", "2024-03-31")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "transactions": "sum"}
    hours = frame(market, "AAA", "2024-03-01", "2024-03-31", "ohlcv-1h")
    expected = minutes.resample("1h").agg(rules).dropna()
    pd.testing.assert_frame_equal(hours[list(rules)], expected, check_freq=False, check_dtype=False)
    days = frame(market, "AAA", "2024-03-01", "2024-03-31", "ohlcv-1d")
    local = minutes.set_axis(index_of(minutes))
    expected = local.resample("1D").agg(rules).dropna()
    pd.testing.assert_frame_equal(
        days.set_axis(index_of(days))[list(rules)],
        expected, check_freq=False, check_dtype=False,
    )  # fmt: skip
    weighted = (minutes.vwap * minutes.volume).resample("1h").sum() / minutes.volume.resample("1h").sum()
    np.testing.assert_allclose(hours.vwap, weighted.dropna())


def test_days_of_utc_hold_the_evening_of_a_winter_friday() -> None:
    market = SyntheticMarket(1, seed=5, faults=CLEAN)
    days = market.bars("AAA", "2024-01-01", "2024-01-31", "ohlcv-1d", day_tz="UTC").to_pandas()
    assert (days.ts_event.dt.strftime("%H:%M") == "00:00").all()
    assert (days.ts_event.dt.dayofweek == 5).any()


def test_seconds_lie_in_the_same_sessions_and_widen_to_half_minutes() -> None:
    market = SyntheticMarket(1, seed=5, faults=CLEAN, extended_hours=False)
    seconds = frame(market, "AAA", "2024-11-29", "2024-11-29", "ohlcv-1s")
    assert seconds.index[0] >= pd.Timestamp("2024-11-29 14:30", tz="UTC")
    assert seconds.index[-1] < pd.Timestamp("2024-11-29 18:00", tz="UTC")
    assert 210 * 60 * 0.2 < len(seconds) < 210 * 60
    half = frame(market, "AAA", "2024-11-29", "2024-11-29", "ohlcv-30s")
    assert half.volume.sum() == seconds.volume.sum()
    assert len(half) == 420


def test_planted_faults_are_where_they_are_said_to_be() -> None:
    market = SyntheticMarket(30, seed=11, faults=Faults(impossible_rows=True), extended_hours=False)
    faults = market.planted_faults("2023-01-01", "2024-12-31")
    assert {fault.kind for fault in faults} == {"halt", "bad_print", "impossible_row", "split"}
    for fault in faults:
        start, end = (pd.Timestamp(at, unit="us", tz="UTC") for at in (fault.start_us, fault.end_us))
        bars = frame(market, fault.ticker, str(start - pd.Timedelta("10h")), str(end + pd.Timedelta("10h")))
        inside = bars[(bars.index >= start) & (bars.index < end)]
        if fault.kind == "halt":
            assert inside.empty
            assert pd.Timedelta("5min") <= end - start <= pd.Timedelta("60min")
        elif fault.kind == "impossible_row":
            assert (inside.high < inside.low).all()
            assert len(inside) == 1
        elif fault.kind == "bad_print":
            neighbours = bars[(index_of(bars, "UTC").normalize() == start.normalize()) & (bars.index != start)]
            assert abs(inside.close.iloc[0] / neighbours.close.median() - 1) > 0.1
            assert neighbours.close.between(neighbours.close.median() * 0.9, neighbours.close.median() * 1.1).all()


def test_a_given_split_moves_raw_prices_and_volumes_on_its_day() -> None:
    split = Split("AAA", date(2024, 3, 6), 1, 4)
    plain = frame(SyntheticMarket(["AAA"], seed=2, splits=[]), "AAA", "2024-03-04", "2024-03-08")
    market = SyntheticMarket(["AAA"], seed=2, splits=[split])
    bars = frame(market, "AAA", "2024-03-04", "2024-03-08")
    before = bars.index < pd.Timestamp("2024-03-06", tz="America/New_York")
    assert market.splits() == (split,)
    pd.testing.assert_frame_equal(bars[before], plain[before])
    np.testing.assert_allclose(bars[~before].close, plain[~before].close / 4, atol=0.006)
    np.testing.assert_allclose(bars[~before].volume, plain[~before].volume * 4, atol=5)


def test_drawn_splits_stay_out_of_a_market_that_has_none() -> None:
    assert SyntheticMarket(100, seed=2, faults=CLEAN).splits() == ()
    drawn = SyntheticMarket(100, seed=2).splits("2020-01-01", "2024-12-31")
    assert drawn
    assert all(date(2020, 1, 1) <= split.execution_date <= date(2024, 12, 31) for split in drawn)


def test_mistakes_are_refused() -> None:
    market = SyntheticMarket(2)
    with pytest.raises(TickerError, match="'ZZZ'"):
        market.bars("ZZZ", "2024-01-01", "2024-01-02")
    with pytest.raises(RangeError, match="give start and end"):
        market.bars("AAA", None, "2024-01-02")
    with pytest.raises(InputError, match="NOPE"):
        SyntheticMarket(2, calendar="NOPE")
    with pytest.raises(InputError, match="different names"):
        SyntheticMarket(["AAA", "AAA"])
    with pytest.raises(InputError, match="above 0"):
        Split("AAA", date(2024, 3, 6), 1, 0)


def test_ten_thousand_names_differ() -> None:
    assert len(set(SyntheticMarket(10_000).tickers)) == 10_000
    assert len(set(SyntheticMarket(20_000).tickers)) == 20_000
