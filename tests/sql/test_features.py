"""Returns, volatility, correlation, beta, spread and ratio against pandas, over bars with gaps and bad prints."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.kits.faulty_market import RANGE, World, resampled

THICK, GAPPY, SPARSE, LATE = "T00", "T01", "T02", "T05"
OTHERS = [THICK, GAPPY, SPARSE, LATE]
BENCHMARK = "T03"
WINDOW = 20


@pytest.fixture(scope="module")
def closes(world: World) -> pd.DataFrame:
    """Five-minute closes, one column per ticker; NaN where a ticker has no bar."""
    return resampled(world, 5, "regular")["close"].unstack("ticker")


def _of(frame: pd.DataFrame, ticker: str, column: str) -> pd.Series:
    own = frame[frame["ticker"] == ticker]
    return own.set_index(own["ts_event"].dt.tz_convert("UTC"))[column].astype("float64")


def _assert_equal(found: pd.Series, wanted: pd.Series, rtol: float = 1e-9, atol: float = 0.0) -> None:
    assert found.index.tolist() == wanted.index.tolist()
    assert wanted.notna().sum() > 20
    np.testing.assert_allclose(found.to_numpy(), wanted.to_numpy(), rtol=rtol, atol=atol, equal_nan=True)


def test_returns(world: World, closes: pd.DataFrame) -> None:
    found = world.sql(f"FROM returns({OTHERS}, '5min', {RANGE})")
    logs = world.sql(f"FROM log_returns({OTHERS}, '5min', {RANGE})")
    for ticker in OTHERS:
        own = closes[ticker].dropna()
        _assert_equal(_of(found, ticker, "simple_return"), own.pct_change(), rtol=1e-7, atol=1e-14)
        _assert_equal(_of(found, ticker, "log_return"), np.log(own).diff(), rtol=1e-7, atol=1e-14)
        _assert_equal(_of(logs, ticker, "log_return"), np.log(own).diff(), rtol=1e-7, atol=1e-14)


def test_rolling_volatility(world: World, closes: pd.DataFrame) -> None:
    found = world.sql(f"FROM rolling_volatility({OTHERS}, '5min', window_bars := {WINDOW}, {RANGE})")
    for ticker in OTHERS:
        returns = np.log(closes[ticker].dropna()).diff()
        wanted = returns.rolling(WINDOW).apply(np.std, raw=True, kwargs={"ddof": 1})
        _assert_equal(_of(found, ticker, "volatility"), wanted)
        sizes = returns.rolling(WINDOW, min_periods=1).count().fillna(0)
        assert _of(found, ticker, "sample_size").tolist() == sizes.tolist()


def _pairs(closes: pd.DataFrame, ticker: str) -> pd.DataFrame:
    """Log returns of two tickers from one common bar to the next."""
    both = closes[[ticker, BENCHMARK]].dropna()
    return both.apply(np.log).diff()


def _over_windows(pairs: pd.DataFrame, measure: str) -> pd.Series:
    """numpy's answer of every full window by itself: running sums would lose digits after a bad print."""
    values = pairs.to_numpy()
    found = np.full(len(values), np.nan)
    for end in range(WINDOW, len(values)):
        own, other = values[end - WINDOW + 1 : end + 1].T
        covariance = np.cov(own, other)
        found[end] = np.corrcoef(own, other)[0, 1] if measure == "correlation" else covariance[0, 1] / covariance[1, 1]
    return pd.Series(found, pairs.index)


@pytest.mark.parametrize("measure", ["correlation", "beta"])
def test_correlation_and_beta(world: World, closes: pd.DataFrame, measure: str) -> None:
    found = world.sql(
        f"FROM {measure}({OTHERS}, '{BENCHMARK}', bar_interval := '5min', window_bars := {WINDOW}, {RANGE})"
    )
    assert set(found["benchmark"]) == {BENCHMARK}
    for ticker in OTHERS:
        wanted = _over_windows(_pairs(closes, ticker), measure).iloc[1:]  # the first bar ends no return
        _assert_equal(_of(found, ticker, measure), wanted, rtol=1e-8, atol=1e-10)


def test_spread_and_ratio(world: World, closes: pd.DataFrame) -> None:
    pair = closes[[GAPPY, BENCHMARK]].dropna()
    options = f"bar_interval := '5min', {RANGE}"
    spread = world.sql(f"FROM spread('{GAPPY}', '{BENCHMARK}', hedge_ratio := 1.5, {options})").assign(ticker="")
    ratio = world.sql(f"FROM ratio('{GAPPY}', '{BENCHMARK}', {options})").assign(ticker="")
    _assert_equal(_of(spread, "", "spread"), pair[GAPPY] - 1.5 * pair[BENCHMARK], atol=1e-10)
    _assert_equal(_of(ratio, "", "ratio"), pair[GAPPY] / pair[BENCHMARK])
