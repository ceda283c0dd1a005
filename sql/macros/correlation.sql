-- correlation(tickers, benchmark, …): the trailing correlation of each ticker's log returns with a benchmark's.
--
-- The window holds the latest window_bars returns between bars that the ticker and the benchmark share, this bar's too.
-- Grain: one row per ticker other than the benchmark and common bar after the first, ordered by ts_event and ticker.
-- Options: bar_interval (1 day), window_bars (60); start_ts, end_ts, session, anchor, tz, adjust (default
--   'splits'), from_source, from_schema and partial as in resampled.
-- Inputs: core.trailing_pairs.
-- NULLs: correlation until the window is full, and where one of the two did not move.
-- Columns:
--   ticker: Ticker
--   benchmark: Ticker that it is compared with
--   ts_event: Left edge of the bar, UTC
--   ts_close: Right edge of the bar, UTC: when its values are known
--   correlation: Correlation of the window's log returns, -1 to 1
--   sample_size: Number of pairs of returns in the window
-- Example: FROM correlation(['AAPL', 'MSFT'], 'SPY', bar_interval := INTERVAL 1 DAY, window_bars := 60);

CREATE OR REPLACE MACRO correlation(
    tickers,
    benchmark,
    bar_interval := INTERVAL 1 DAY,
    window_bars := 60,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := 'splits',
    from_source := NULL,
    from_schema := NULL,
    partial := {{partial}}
) AS TABLE
SELECT * EXCLUDE (beta)
FROM core.trailing_pairs(
    tickers, benchmark, bar_interval := bar_interval, window_bars := window_bars, start_ts := start_ts,
    end_ts := end_ts, session := session, anchor := anchor, tz := tz, adjust := adjust, from_source := from_source,
    from_schema := from_schema, partial := partial,
    other_problems := [core.store_problem({{store}})]
)
ORDER BY ts_event, ticker;
