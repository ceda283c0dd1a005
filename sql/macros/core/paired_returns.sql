-- core.paired_returns(tickers, benchmark, …): log returns of tickers and of a benchmark between the bars that both have.
--
-- Grain: one row per ticker other than the benchmark, and common bar.
-- Inputs: core.resampled.
-- NULLs: the returns of the first common bar, and from or to a close of 0 or less.
-- Columns:
--   ticker: Ticker
--   benchmark: Ticker that it is compared with
--   ts_event: Left edge of the bar, UTC
--   ts_close: Right edge of the bar, UTC
--   log_return: Logarithm of the ticker's close over its close on the previous common bar
--   benchmark_return: The same of the benchmark
-- Example: FROM core.paired_returns(['AAPL'], 'SPY', bar_interval := INTERVAL 1 DAY);

CREATE OR REPLACE MACRO core.paired_returns(
    tickers,
    benchmark,
    bar_interval := INTERVAL 1 DAY,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := 'splits',
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH closes AS MATERIALIZED (
    SELECT r.ticker, r.ts_event, r.ts_close, CASE WHEN r.close > 0 THEN r.close END AS close
    FROM core.resampled(
        core.with_ticker(tickers, benchmark), bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema
    ) AS r
),
common_bars AS (
    SELECT
        a.ticker,
        a.ts_event,
        a.ts_close,
        ln(a.close / lag(a.close) OVER bars) AS log_return,
        ln(b.close / lag(b.close) OVER bars) AS benchmark_return
    FROM closes AS a
    JOIN closes AS b USING (ts_event)
    WHERE b.ticker IS NOT DISTINCT FROM benchmark::VARCHAR
        AND a.ticker IS DISTINCT FROM benchmark::VARCHAR
    WINDOW bars AS (PARTITION BY a.ticker ORDER BY a.ts_event ASC)
)
SELECT
    c.ticker::VARCHAR AS ticker,
    benchmark::VARCHAR AS benchmark,
    c.ts_event::TIMESTAMPTZ AS ts_event,
    c.ts_close::TIMESTAMPTZ AS ts_close,
    c.log_return::DOUBLE AS log_return,
    c.benchmark_return::DOUBLE AS benchmark_return
FROM common_bars AS c;
