-- spread(ticker_a, ticker_b, …): the price of one ticker less a multiple of another's, on the bars that both have.
--
-- Grain: one row per common bar, ordered by ts_event.
-- Options: bar_interval (1 day), hedge_ratio (1), start_ts, end_ts, session, anchor, tz, adjust ('splits' unless told otherwise), from_source and
--   from_schema as in resampled.
-- Inputs: core.resampled.
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
    from_schema := NULL
) AS TABLE
WITH problems AS (
    SELECT p.rank, p.problem
    FROM core.call_problems(
        [ticker_a::VARCHAR, ticker_b::VARCHAR], bar_interval, start_ts := start_ts, end_ts := end_ts,
        session := session, anchor := anchor, tz := tz, adjust := adjust, from_source := from_source,
        from_schema := from_schema
    ) AS p
    UNION ALL
    SELECT 0, core.number_problem('hedge_ratio', hedge_ratio)
),
refusal AS (
    SELECT first(problem ORDER BY rank ASC, problem ASC) AS problem
    FROM problems
    WHERE problem IS NOT NULL
    HAVING count(*) > 0
),
closes AS MATERIALIZED (
    SELECT r.ticker, r.ts_event, r.ts_close, r.close
    FROM core.resampled(
        [ticker_a::VARCHAR, ticker_b::VARCHAR], bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema
    ) AS r
)
SELECT
    a.ticker::VARCHAR AS ticker_a,
    b.ticker::VARCHAR AS ticker_b,
    a.ts_event::TIMESTAMPTZ AS ts_event,
    a.ts_close::TIMESTAMPTZ AS ts_close,
    a.close::DOUBLE AS close_a,
    b.close::DOUBLE AS close_b,
    (a.close - TRY_CAST(hedge_ratio::VARCHAR AS DOUBLE) * b.close)::DOUBLE AS spread
FROM closes AS a
JOIN closes AS b USING (ts_event)
WHERE a.ticker IS NOT DISTINCT FROM ticker_a::VARCHAR
    AND b.ticker IS NOT DISTINCT FROM ticker_b::VARCHAR
UNION ALL
SELECT
    core.refuse(problem)::VARCHAR,
    core.refuse(problem)::VARCHAR,
    core.refuse(problem)::TIMESTAMPTZ,
    core.refuse(problem)::TIMESTAMPTZ,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::DOUBLE,
    core.refuse(problem)::DOUBLE
FROM refusal
WHERE core.refuse(problem) IS NOT NULL
ORDER BY ts_event;
