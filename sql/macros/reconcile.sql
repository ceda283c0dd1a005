-- reconcile(tickers, bar_interval, source_a, source_b, …): the bars of two sources side by side, bucket by bucket.
--
-- It shows which buckets only one source has, where prices differ by more than price_tolerance, and how volumes
-- compare. reconcile_sessions sums it up by session.
-- Grain: one row per ticker and bucket that either source has, ordered by ts_event and ticker.
-- Options: price_tolerance (0), a share of the price of source_a: 0.001 is 0.1 %. start_ts, end_ts, session, anchor,
--   tz, adjust (default 'none'), from_schema as in resampled.
-- Inputs: the series of each source.
-- NULLs: a source's close and volume where it does not have the bucket; price_difference where only one has it;
--   volume_ratio there, and where volume_b is 0 or NULL.
-- Columns:
--   ticker: Ticker
--   ts_event: Left edge of the bucket, UTC
--   ts_close: Right edge of the bucket, UTC
--   session_date: Session
--   verdict: only in a, only in b, prices differ, or equal within the tolerance
--   close_a: Close by source_a
--   close_b: Close by source_b
--   price_difference: Largest difference of open, high, low and close, as a share of source_a's price
--   volume_a: Volume by source_a
--   volume_b: Volume by source_b
--   volume_ratio: volume_a divided by volume_b
-- Example: FROM reconcile(['AAPL'], INTERVAL 5 MINUTE, 'polygon', 'polygon', price_tolerance := 0.001);

CREATE OR REPLACE MACRO reconcile(
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
FROM core.reconcile(
    tickers, bar_interval, source_a, source_b, price_tolerance := price_tolerance, start_ts := start_ts,
    end_ts := end_ts, session := session, anchor := anchor, tz := tz, adjust := adjust, from_schema := from_schema,
    other_problems := [core.store_problem({{store}})]
)
ORDER BY ts_event, ticker;
