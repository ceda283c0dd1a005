-- reconcile_sessions(tickers, bar_interval, source_a, source_b, …): how the bars of two sources agree, by session.
--
-- Grain: one row per ticker and session in which either source has a bucket, ordered by ticker and date.
-- Options: as in reconcile.
-- Inputs: core.reconcile.
-- NULLs: largest_difference in a session without a common bucket; volumes where a source has none; volume_ratio there,
--   and where volume_b is 0.
-- Columns:
--   ticker: Ticker
--   session_date: Session
--   common_bars: Buckets that both sources have
--   bars_only_in_a: Buckets that source_a alone has
--   bars_only_in_b: Buckets that source_b alone has
--   different_bars: Common buckets whose prices differ by more than the tolerance
--   largest_difference: Largest difference of a price, as a share of source_a's
--   volume_a: Volume by source_a
--   volume_b: Volume by source_b
--   volume_ratio: volume_a divided by volume_b
-- Example: FROM reconcile_sessions(['AAPL'], INTERVAL 5 MINUTE, 'polygon', 'polygon', price_tolerance := 0.001);

CREATE OR REPLACE MACRO reconcile_sessions(
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
    from_schema := NULL
) AS TABLE
SELECT
    ticker::VARCHAR AS ticker,
    session_date::DATE AS session_date,
    count(CASE WHEN verdict IN ('equal', 'prices differ') THEN 1 END)::BIGINT AS common_bars,
    count(CASE WHEN verdict = 'only in a' THEN 1 END)::BIGINT AS bars_only_in_a,
    count(CASE WHEN verdict = 'only in b' THEN 1 END)::BIGINT AS bars_only_in_b,
    count(CASE WHEN verdict = 'prices differ' THEN 1 END)::BIGINT AS different_bars,
    max(price_difference)::DOUBLE AS largest_difference,
    sum(volume_a)::DOUBLE AS volume_a,
    sum(volume_b)::DOUBLE AS volume_b,
    (sum(volume_a) / nullif(sum(volume_b), 0))::DOUBLE AS volume_ratio
FROM core.reconcile(
    tickers, bar_interval, source_a, source_b, price_tolerance := price_tolerance, start_ts := start_ts,
    end_ts := end_ts, session := session, anchor := anchor, tz := tz, adjust := adjust, from_schema := from_schema,
    other_problems := [core.store_problem({{store}})]
)
GROUP BY ALL
ORDER BY ticker, session_date;
