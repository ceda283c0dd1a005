"""Statements that several tests run: against the newest DuckDB, against older clients, under other time zones."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

BAD_ARGUMENTS = [
    ("FROM resampled(['AAAA'], '5min')", "tickers: unknown ticker 'AAAA'; did you mean 'AAA'?"),
    ("FROM resampled(['AAA', NULL], '5min')", "tickers: unknown ticker NULL"),
    ("FROM resampled('AAAA', '5min')", "tickers: unknown ticker 'AAAA'; did you mean 'AAA'?"),
    ("FROM gaps('', 5)", "tickers: unknown ticker ''"),
    ("FROM aligned_outer(['AAA', 'nope'], '5min')", "tickers: unknown ticker 'nope'"),
    ("FROM aligned_inner(['nope'], '5min')", "tickers: unknown ticker 'nope'"),
    ("FROM aligned_ffill(['nope'], '5min')", "tickers: unknown ticker 'nope'"),
    ("FROM aligned_grid(['nope'], '5min')", "tickers: unknown ticker 'nope'"),
    ("FROM gaps(['nope'], 5)", "tickers: unknown ticker 'nope'"),
    ("FROM outliers(['nope'], 3)", "tickers: unknown ticker 'nope'"),
    ("FROM quality(['nope'], 5)", "tickers: unknown ticker 'nope'"),
    ("FROM returns(['nope'], '1d')", "tickers: unknown ticker 'nope'"),
    ("FROM log_returns(['nope'], '1d')", "tickers: unknown ticker 'nope'"),
    ("FROM rolling_volatility(['nope'], '1d')", "tickers: unknown ticker 'nope'"),
    ("FROM correlation(['AAA'], 'nope')", "tickers: unknown ticker 'nope'"),
    ("FROM beta(['nope'], 'AAA')", "tickers: unknown ticker 'nope'"),
    ("FROM spread('AAA', 'nope')", "tickers: unknown ticker 'nope'"),
    ("FROM spread('AAA', NULL)", "tickers: unknown ticker NULL"),
    ("FROM ratio('nope', 'AAA')", "tickers: unknown ticker 'nope'"),
    (
        "FROM resampled(['AAA'], '5T')",
        "bar_interval: '5T' is not an interval of bars: write 5min (valid: an INTERVAL or text like 30s, 1min",
    ),
    (
        "FROM resampled(['AAA'], '1M')",
        "bar_interval: '1M' is not an interval of bars: M is a minute to some and a month to others: write 1min or 1mo",
    ),
    ("FROM resampled(['AAA'], NULL)", "bar_interval: NULL is not an interval of bars"),
    ("FROM resampled(['AAA'], INTERVAL 0 MINUTE)", "bar_interval: '00:00:00' is not an interval of bars"),
    ("FROM aligned_outer(['AAA'], INTERVAL (-5) MINUTE)", "bar_interval: '-00:05:00' is not an interval of bars"),
    ("FROM aligned_ffill(['AAA'], INTERVAL 2 DAY)", "bar_interval: '2 days' is not an interval of bars"),
    ("FROM aligned_grid(['AAA'], '3mo')", "bar_interval: '3mo' is not an interval of bars"),
    ("FROM resampled(['AAA'], INTERVAL 1500 MILLISECOND)", "bar_interval: '00:00:01.5' is not an interval of bars"),
    ("FROM resampled(['AAA'], '30s')", "tickers: nothing stored of 'AAA' gives bars of 00:00:30"),
    ("FROM resampled(['AAA'], '90s')", "tickers: nothing stored of 'AAA' gives bars of 00:01:30"),
    ("FROM resampled(['HRS'], '1h')", "tickers: nothing stored of 'HRS' gives bars of 01:00:00"),
    ("FROM resampled(['TWO'], '5min')", "tickers: 'TWO' is stored from several sources (other, polygon)"),
    (
        "FROM resampled(['AAA'], '5min', from_source := 'x')",
        "with from_source 'x' (stored: polygon/ohlcv-1m, polygon/ohlcv-1d)",
    ),
    ("FROM resampled(['AAA'], '5min', from_schema := 'ohlcv-1s')", "with from_schema 'ohlcv-1s' (stored: "),
    (
        "FROM resampled(['AAA'], '5min', start_ts := DATE '2024-01-02', end_ts := DATE '2024-01-01')",
        "start_ts: '2024-01-02' is not before end_ts '2024-01-01'",
    ),
    (
        "FROM aligned_inner(['AAA'], '5min', start_ts := '2024-01-02 09:30', end_ts := '2024-01-02 09:30')",
        "start_ts: '2024-01-02 09:30' is not before end_ts '2024-01-02 09:30'",
    ),
    (
        "FROM gaps(['AAA'], 5, start_ts := '2024-01-02 09:30', end_ts := '2023-01-02 09:30')",
        "start_ts: '2024-01-02 09:30' is not before end_ts",
    ),
    ("FROM resampled(['AAA'], '5min', start_ts := 'yesterday')", "start_ts: 'yesterday' is not a date or time"),
    ("FROM resampled(['AAA'], '5min', end_ts := '2023-02-30')", "end_ts: '2023-02-30' is not a date or time"),
    (
        "FROM resampled(['AAA'], '5min', start_ts := '2023-06-01 09:30 America/New_York')",
        "start_ts: '2023-06-01 09:30 America/New_York' is not a date or time",
    ),
    ("FROM resampled(['AAA'], '5min', session := 'rth')", "session: 'rth' is not a choice (valid: 'regular', 'all')"),
    ("FROM resampled(['AAA'], '5min', session := NULL)", "session: NULL is not a choice"),
    ("FROM aligned_outer(['AAA'], '5min', anchor := 'noon')", "anchor: 'noon' is not a choice (valid: 'session', "),
    ("FROM aligned_ffill(['AAA'], '5min', adjust := 'yes')", "adjust: 'yes' is not a choice (valid: 'none', 'splits'"),
    ("FROM resampled(['AAA'], '5min', tz := NULL)", "tz: NULL is not a time zone"),
    ("FROM resampled(['AAA'], '5min', tz := 'Mars/Base')", "Unknown TimeZone 'Mars/Base'"),
    (
        "FROM aligned_ffill(['AAA'], '5min', fill_volume := 'one')",
        "fill_volume: 'one' is not a choice (valid: 'zero', ",
    ),
    ("FROM aligned_ffill(['AAA'], '5min', fill_prices := NULL)", "fill_prices: NULL is not a choice"),
    (
        "FROM aligned_ffill(['AAA'], '5min', max_age := INTERVAL 0 DAY)",
        "max_age: '00:00:00' is not a positive duration",
    ),
    (
        "FROM aligned_ffill(['AAA'], '5min', max_age := INTERVAL 1 MONTH)",
        "max_age: '1 month' is not a positive duration",
    ),
    ("FROM aligned_ffill(['AAA'], '5min', lookback := INTERVAL (-1) DAY)", "is not a positive duration"),
    ("FROM aligned_ffill(['AAA'], '5min', across_sessions := NULL)", "across_sessions: NULL is not a choice"),
    ("FROM aligned_grid(['AAA'], '5min', fill := 'back')", "fill: 'back' is not a choice (valid: 'none', 'forward')"),
    ("FROM gaps(['AAA'], 0)", "max_gap_minutes: 0 is not a number above 0"),
    ("FROM gaps(['AAA'], 'five')", "max_gap_minutes: five is not a number above 0"),
    ("FROM outliers(['AAA'], 0)", "std_threshold: 0 is not a number above 0"),
    ("FROM outliers(['AAA'], -3)", "std_threshold: -3 is not a number above 0"),
    ("FROM outliers(['AAA'], 3, method := 'iqr')", "method: 'iqr' is not a choice (valid: 'standard', 'robust')"),
    ("FROM outliers(['AAA'], 3, trailing_bars := 0)", "trailing_bars: 0 is not a whole number of 2 or more"),
    ("FROM gaps(['AAA'], 5, bar_interval := '1d')", "bar_interval: '1d' is not part of a session"),
    ("FROM quality(['AAA'], 5, bar_interval := INTERVAL 1 MONTH)", "is not part of a session"),
    (
        "FROM rolling_volatility(['AAA'], '1min', window_bars := NULL)",
        "window_bars: NULL is not a whole number of 2 or more",
    ),
    ("FROM spread('AAA', 'BBB', hedge_ratio := NULL)", "hedge_ratio: NULL is not a number"),
    ("FROM spread('AAA', 'BBB', hedge_ratio := 'two')", "hedge_ratio: two is not a number"),
    (
        "FROM resampled(['AAA'], '1min', start_ts := DATE '2023-06-01', end_ts := DATE '2023-06-01', tz := NULL)",
        "tz: NULL is not a time zone",
    ),
    ("FROM quality(['AAA'], 5, std_threshold := 0)", "std_threshold: 0 is not a number above 0"),
    ("FROM rolling_volatility(['AAA'], '1d', window_bars := 1)", "window_bars: 1 is not a whole number of 2 or more"),
    ("FROM beta(['AAA'], 'BBB', window_bars := 2.5)", "window_bars: 2.5 is not a whole number of 2 or more"),
]
"""A statement over the market of `fill_market`, and what its error says."""

QUERIES = [
    "FROM bars ORDER BY ticker, source, schema, ts_event",
    "FROM bars_local ORDER BY ticker, source, schema, ts_event",
    "FROM tickers ORDER BY ticker",
    "FROM coverage ORDER BY ticker, start_ts",
    "SELECT * EXCLUDE age FROM cache_index ORDER BY ticker, source, schema",
    "FROM sessions WHERE session_date BETWEEN '2023-11-20' AND '2023-11-24' ORDER BY calendar, session_date",
    "FROM splits",
    "FROM dividends",
    "FROM quarantine",
    "FROM revisions",
    "FROM aligned",
    "FROM wide_close",
    "FROM wide_volume",
    "FROM resampled(['AAA', 'BBB'], '1min')",
    "FROM resampled('AAA', '5min')",
    "FROM resampled(['AAA', 'BBB'], INTERVAL 5 MINUTE, start_ts := DATE '2023-06-01', end_ts := DATE '2023-06-01')",
    "FROM resampled(['AAA', 'BBB'], INTERVAL 1 HOUR, session := 'all')",
    "FROM resampled(['AAA'], '1h', session := 'all', anchor := 'midnight', tz := 'Asia/Tokyo')",
    "FROM resampled(['AAA'], '7min', anchor := 'epoch')",
    "FROM resampled(['HRS'], '2h', session := 'all', anchor := 'midnight')",
    "FROM resampled(['TWO'], '5min', from_source := 'other')",
    "FROM resampled(['AAA', 'BBB', 'X:BTCUSD', 'ESM3'], '1d')",
    "FROM resampled(['AAA', 'BBB'], '1w', adjust := 'splits')",
    "FROM resampled(['AAA', 'BBB'], '1mo', adjust := 'all')",
    "FROM aligned_outer(['AAA', 'BBB'], '5min', start_ts := '2023-06-01 09:40', end_ts := '2023-06-01T15:00:00Z')",
    "FROM aligned_outer(['AAA', 'X:BTCUSD'], '1h')",
    "FROM aligned_inner(['AAA', 'BBB'], '1min')",
    "FROM aligned_inner(['AAA', 'X:BTCUSD', 'ESM3'], '1h')",
    "FROM aligned_ffill(['AAA', 'BBB'], '1min', start_ts := '2023-06-01 10:00', lookback := INTERVAL 1 DAY)",
    "FROM aligned_ffill(['AAA', 'BBB'], '1min', max_age := '5min', fill_prices := 'close', fill_volume := 'null')",
    "FROM aligned_ffill(['AAA', 'BBB'], '1h', across_sessions := false, session := 'all', fill_volume := 'ffill')",
    "FROM aligned_grid(['AAA', 'BBB'], '15min', fill := 'forward')",
    "FROM aligned_grid(['AAA', 'ESM3'], '1h', start_ts := DATE '2023-06-01', end_ts := DATE '2023-06-02')",
    "FROM gaps(['AAA', 'BBB'], 1)",
    "FROM gaps(['AAA', 'BBB'], NULL, start_ts := DATE '2023-06-01', bar_interval := '15min')",
    "FROM outliers(['AAA', 'BBB'], 2)",
    "FROM outliers(['AAA', 'BBB'], 2, trailing_bars := 30)",
    "FROM outliers(['AAA', 'BBB'], 3, method := 'robust')",
    "FROM outliers(['AAA', 'BBB'], 3, method := 'robust', trailing_bars := 30)",
    "FROM quality(['AAA', 'BBB', 'ESM3'], 2)",
    "FROM reconcile(['AAA'], '1h', 'polygon', 'polygon')",
    "FROM reconcile_sessions(['AAA'], '1h', 'polygon', 'polygon')",
    "FROM returns(['AAA', 'BBB'], '5min')",
    "FROM log_returns(['AAA', 'BBB'], '1d')",
    "FROM rolling_volatility(['AAA'], '5min', window_bars := 10)",
    "FROM correlation(['AAA', 'X:BTCUSD'], 'BBB', bar_interval := '5min', window_bars := 10)",
    "FROM beta(['AAA'], 'BBB', bar_interval := '5min', window_bars := 10)",
    "FROM spread('AAA', 'BBB', bar_interval := '5min', hedge_ratio := 1.5)",
    "FROM ratio('AAA', 'BBB', bar_interval := '5min')",
]
"""Statements whose answers must not depend on the client: its version, its time zone, its threads."""


def walk(start: str, minutes: int, *, seed: int, step_minutes: int = 1, missing: float = 0.05) -> list[tuple[Any, ...]]:
    """A random walk of bars from `start` (UTC), some of them missing."""
    chance = random.Random(seed)
    price, rows = 100.0, []
    for minute in range(0, minutes, step_minutes):
        opened, price = price, price * (1 + chance.gauss(0, 0.001))
        if chance.random() >= missing:
            high, low = max(opened, price) + 0.01, min(opened, price) - 0.01
            instant = datetime.fromisoformat(start).replace(tzinfo=UTC) + timedelta(minutes=minute)
            volume = float(chance.randint(0, 900))
            vwap = (opened + price) / 2 if chance.random() < 0.98 else None
            rows.append((instant, opened, high, low, price, volume, vwap, chance.randint(1, 50)))
    return rows


def fill_market(market: Any) -> None:
    """A few tickers of different calendars, sources and widths, with a split, a dividend and a ledger."""
    for seed, ticker in enumerate(("AAA", "BBB")):
        bars = walk("2023-06-01T12:00", 600, seed=seed) + walk("2023-06-02T13:00", 420, seed=seed + 10)
        market.add_bars(ticker, bars + walk("2023-11-24T14:00", 300, seed=seed + 20))
    market.add_bars("X:BTCUSD", walk("2023-06-01T00:00", 2880, seed=3, missing=0.3))
    market.add_bars("ESM3", walk("2023-06-01T12:00", 1440, seed=4), source="databento-glbx.mdp3")
    market.add_bars("HRS", walk("2023-06-01T12:00", 600, seed=5, step_minutes=60, missing=0.0), schema="ohlcv-1h")
    market.add_bars("TWO", walk("2023-06-01T13:30", 60, seed=6))
    market.add_bars("TWO", walk("2023-06-01T13:30", 60, seed=7), source="other")
    market.add_bars(
        "AAA",
        [("2023-06-01T04:00", 1.0, 2.0, 0.5, 1.5, 10.0), ("2023-06-02T04:00", 1.5, 2.5, 1.0, 2.0, 20.0)],
        schema="ohlcv-1d",
        day_tz="America/New_York",
    )
    market.add_source("databento-glbx.mdp3", "databento", "GLBX.MDP3")
    market.configure("ESM3", calendar="CMES")
    market.configure("BBB", max_gap_minutes=2.0, universe_position=None)
    market.add_split("BBB", "2023-06-02", 1.0, 4.0)
    market.add_dividend("BBB", "2023-11-24", 0.5)
    market.add_answer("AAA", "2023-06-01T00:00", "2023-06-02T00:00", "complete")
    market.add_answer("AAA", "2023-06-02T00:00", "2023-06-03T00:00", "failed", reason="timeout")
