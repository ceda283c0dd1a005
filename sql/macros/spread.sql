-- spread(ticker_a, ticker_b, …): the price of one ticker less a multiple of another's, on the bars that both have.
--
-- Grain: one row per common bar, ordered by ts_event.
-- Options: bar_interval (1 day), hedge_ratio (1), start_ts, end_ts, session, anchor, tz, adjust (default
--   'splits'), from_source, from_schema and partial as in resampled.
-- Inputs: core.paired_closes.
-- NULLs: the spread where either close is NULL.
-- Columns:
--   ticker_a: First ticker
--   ticker_b: Second ticker
--   ts_event: Left edge of the bar, UTC
--   ts_close: Right edge of the bar, UTC: when its values are known
--   close_a: Close of the first ticker
--   close_b: Close of the second ticker
--   spread: close_a less hedge_ratio times close_b
-- Example: FROM spread('AAPL', 'MSFT', bar_interval := INTERVAL 1 DAY, start_ts := DATE '2023-01-03');

CREATE OR REPLACE MACRO spread(
    ticker_a,
    ticker_b,
    bar_interval := INTERVAL 1 DAY,
    hedge_ratio := 1,
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
SELECT * EXCLUDE (ratio)
FROM core.paired_closes(
    ticker_a, ticker_b, bar_interval := bar_interval, hedge_ratio := hedge_ratio, start_ts := start_ts,
    end_ts := end_ts, session := session, anchor := anchor, tz := tz, adjust := adjust, from_source := from_source,
    from_schema := from_schema, partial := partial,
    other_problems := [core.store_problem({{store}})]
)
ORDER BY ts_event;
