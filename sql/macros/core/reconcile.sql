-- core.reconcile(tickers, bar_interval, source_a, source_b, …): the bars of two sources side by side; see reconcile.
--
-- Raises an error if an argument is not valid.
-- Grain: one row per ticker and bucket that either source has.
-- Inputs: core.resampled, once for each source.
-- NULLs: a source's close and volume where it does not have the bucket; price_difference where only one has it;
--   volume_ratio there, and where volume_b is 0 or NULL.
-- Example: FROM core.reconcile(['AAPL'], INTERVAL 5 MINUTE, 'polygon', 'polygon');

CREATE OR REPLACE MACRO core.reconcile(
    tickers,
    bar_interval,
    source_a,
    source_b,
    price_tolerance := 0,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := 'none',
    from_schema := NULL,
    other_problems := NULL
) AS TABLE
WITH bars_a AS (
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := source_a, from_schema := from_schema
    )
),
bars_b AS (
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := source_b, from_schema := from_schema
    )
),
pairs AS (
    SELECT
        ticker,
        ts_event,
        coalesce(a.ts_close, b.ts_close) AS ts_close,
        coalesce(a.session_date, b.session_date) AS session_date,
        a.ticker IS NOT NULL AS is_in_a,
        b.ticker IS NOT NULL AS is_in_b,
        a.close AS close_a,
        b.close AS close_b,
        greatest(
            core.price_difference(a.open, b.open),
            core.price_difference(a.high, b.high),
            core.price_difference(a.low, b.low),
            core.price_difference(a.close, b.close)
        ) AS difference,
        a.volume AS volume_a,
        b.volume AS volume_b
    FROM bars_a AS a
    FULL JOIN bars_b AS b USING (ticker, ts_event)
),
judged AS (
    SELECT
        ticker,
        ts_event,
        ts_close,
        session_date,
        close_a,
        close_b,
        CASE WHEN is_in_a AND is_in_b THEN difference END AS price_difference,
        volume_a,
        volume_b,
        CASE
            WHEN NOT is_in_b THEN 'only in a'
            WHEN NOT is_in_a THEN 'only in b'
            WHEN difference > TRY_CAST(price_tolerance::VARCHAR AS DOUBLE) THEN 'prices differ'
            ELSE 'equal'
        END AS verdict,
        volume_a / nullif(volume_b, 0) AS volume_ratio
    FROM pairs
)
SELECT
    j.ticker::VARCHAR AS ticker,
    j.ts_event::TIMESTAMPTZ AS ts_event,
    j.ts_close::TIMESTAMPTZ AS ts_close,
    j.session_date::DATE AS session_date,
    j.verdict::VARCHAR AS verdict,
    j.close_a::DOUBLE AS close_a,
    j.close_b::DOUBLE AS close_b,
    j.price_difference::DOUBLE AS price_difference,
    j.volume_a::DOUBLE AS volume_a,
    j.volume_b::DOUBLE AS volume_b,
    j.volume_ratio::DOUBLE AS volume_ratio
FROM (
    FROM judged
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := source_a, from_schema := from_schema, may_skip := true,
        other_problems := [
            CASE WHEN source_a::VARCHAR IS NULL OR source_b::VARCHAR IS NULL
            THEN 'source_a, source_b: NULL is not a source (valid: two of the stored ones)' END,
            core.tolerance_problem('price_tolerance', price_tolerance)
        ]
    )
    UNION ALL BY NAME
    FROM core.check_call(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := source_b, from_schema := from_schema, may_skip := true,
        other_problems := other_problems
    )
) AS j;
