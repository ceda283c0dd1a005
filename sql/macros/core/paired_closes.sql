-- core.paired_closes(ticker_a, ticker_b, …): the closes of two tickers, their ratio and spread, on common bars.
--
-- Raises an error if an argument is not valid.
-- Grain: one row per common bar.
-- Inputs: core.resampled.
-- NULLs: a close that is NULL in its bar; ratio and spread where either close is NULL; ratio where close_b is 0.
-- Columns:
--   ticker_a: First ticker
--   ticker_b: Second ticker
--   ts_event: Left edge of the bar, UTC
--   ts_close: Right edge of the bar, UTC
--   close_a: Close of the first ticker
--   close_b: Close of the second ticker
--   ratio: close_a divided by close_b
--   spread: close_a less hedge_ratio times close_b
-- Example: FROM core.paired_closes('AAPL', 'MSFT', bar_interval := INTERVAL 1 DAY);

CREATE OR REPLACE MACRO core.paired_closes(
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
    partial := 'drop',
    other_problems := NULL
) AS TABLE
WITH closes AS MATERIALIZED (
    SELECT r.ticker, r.ts_event, r.ts_close, r.close
    FROM core.resampled(
        [ticker_a::VARCHAR, ticker_b::VARCHAR], bar_interval, start_ts := start_ts, end_ts := end_ts,
        session := session, anchor := anchor, tz := tz, adjust := adjust,
        from_source := from_source, from_schema := from_schema, partial := partial
    ) AS r
),
common_bars AS (
    SELECT
        a.ticker AS ticker_a,
        b.ticker AS ticker_b,
        a.ts_event,
        a.ts_close,
        a.close AS close_a,
        b.close AS close_b,
        a.close / nullif(b.close, 0) AS ratio,
        a.close - TRY_CAST(hedge_ratio::VARCHAR AS DOUBLE) * b.close AS spread
    FROM closes AS a
    JOIN closes AS b USING (ts_event)
    WHERE a.ticker IS NOT DISTINCT FROM ticker_a::VARCHAR
        AND b.ticker IS NOT DISTINCT FROM ticker_b::VARCHAR
)
SELECT
    p.ticker_a::VARCHAR AS ticker_a,
    p.ticker_b::VARCHAR AS ticker_b,
    p.ts_event::TIMESTAMPTZ AS ts_event,
    p.ts_close::TIMESTAMPTZ AS ts_close,
    p.close_a::DOUBLE AS close_a,
    p.close_b::DOUBLE AS close_b,
    p.ratio::DOUBLE AS ratio,
    p.spread::DOUBLE AS spread
FROM (
    FROM common_bars
    UNION ALL BY NAME
    FROM core.check_call(
        [ticker_a::VARCHAR, ticker_b::VARCHAR], bar_interval, start_ts := start_ts, end_ts := end_ts,
        session := session, anchor := anchor, tz := tz, adjust := adjust,
        from_source := from_source, from_schema := from_schema,
        other_problems := list_concat(
            other_problems::VARCHAR[],
            [core.number_problem('hedge_ratio', hedge_ratio), core.choice_problem('partial', partial, ['drop', 'cut'])]
        )
    )
) AS p;
