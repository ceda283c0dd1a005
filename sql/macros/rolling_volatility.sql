-- rolling_volatility(tickers, bar_interval, …): the standard deviation of each ticker's latest log returns.
--
-- The sample standard deviation of the last window_bars returns, this bar's with them; per bar, not annualised.
-- Grain: one row per ticker and bar, ordered by ts_event and ticker.
-- Options: window_bars (20); start_ts, end_ts, session, anchor, tz, adjust (default 'splits'), from_source,
--   from_schema and partial as in resampled.
-- Inputs: core.returns.
-- NULLs: volatility until the window is full, and log_return as in returns.
-- Columns:
--   ticker: Ticker
--   ts_event: Left edge of the bar, UTC
--   ts_close: Right edge of the bar, UTC: when its values are known
--   session_date: Session
--   log_return: Logarithm of the close over the previous bar's close
--   volatility: Sample standard deviation of the window's returns
--   sample_size: Number of returns in the window
-- Example: FROM rolling_volatility(['AAPL'], INTERVAL 1 DAY, window_bars := 20);

CREATE OR REPLACE MACRO rolling_volatility(
    tickers,
    bar_interval,
    window_bars := 20,
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
WITH samples AS (
    SELECT r.*, stddev_samp(r.log_return) OVER latest AS deviation, count(r.log_return) OVER latest AS sample_size
    FROM core.returns(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema, partial := partial,
        other_problems := [
            core.store_problem({{store}}),
            core.count_problem('window_bars', coalesce(window_bars::VARCHAR, 'NULL'))
        ]
    ) AS r
    WINDOW latest AS (
        PARTITION BY r.ticker ORDER BY r.ts_event ASC
        ROWS BETWEEN core.row_count(window_bars) - 1 PRECEDING AND CURRENT ROW
    )
)
SELECT
    ticker::VARCHAR AS ticker,
    ts_event::TIMESTAMPTZ AS ts_event,
    ts_close::TIMESTAMPTZ AS ts_close,
    session_date::DATE AS session_date,
    log_return::DOUBLE AS log_return,
    CASE WHEN sample_size = core.row_count(window_bars) THEN deviation END::DOUBLE AS volatility,
    sample_size::BIGINT AS sample_size
FROM samples
ORDER BY ts_event, ticker;
