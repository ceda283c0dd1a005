-- returns(tickers, bar_interval, …): each bar's return from the ticker's bar before it, simple and logarithmic.
--
-- The bar before may be before a halt or the night. Later bars have no influence.
-- Grain: one row per ticker and bar, ordered by ts_event and ticker.
-- Options: start_ts, end_ts, session, anchor, tz, adjust (default 'splits'), from_source,
--   from_schema and partial as in resampled.
-- Inputs: core.returns.
-- NULLs: the returns of a ticker's first bar in the range, and from or to a close of 0 or less.
-- Columns:
{{returns_columns}}
-- Example: FROM returns(['AAPL', 'MSFT'], '1d', start_ts := DATE '2023-01-03', end_ts := DATE '2023-12-29');

CREATE OR REPLACE MACRO returns(
    tickers,
    bar_interval,
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
SELECT *
FROM core.returns(
    tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
    adjust := adjust, from_source := from_source, from_schema := from_schema, partial := partial,
    other_problems := [core.store_problem({{store}})]
)
ORDER BY ts_event, ticker;
