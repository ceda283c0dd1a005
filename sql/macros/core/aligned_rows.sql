-- core.aligned_rows(tickers, bar_interval, …): every ticker of a call on every bucket that any of them has bars in.
--
-- Grain: one row per ticker and bucket; with lookback also buckets before the range (in_range false).
-- Inputs: core.resampled, core.chosen_series, and with is_grid the calendar's complete grid, core.call_grid.
-- NULLs: prices, volume, vwap and transactions are NULL where the ticker has no bar (is_present false).
-- Columns:
--   ticker: Ticker
--   ts_event: Left edge of the bucket, UTC
--   ts_close: Right edge of the bucket, UTC
--   session_date: Session of the ticker's bars; where it has none, of the bucket
--   bucket_date: Session of the bucket, the same for all tickers
--   own_date: Session of the ticker's calendar that the bucket's left edge is in, or on the date of
--   open: First price
--   high: Highest price
--   low: Lowest price
--   close: Last price
--   volume: Sum of the bars' volumes
--   vwap: Volume-weighted average price
--   transactions: Sum of the bars' trades
--   bar_count: Number of stored bars in the bucket; 0 where there is none
--   is_present: Whether the ticker has bars in this bucket
--   in_range: Whether the bucket is in the requested range, not before it
--   source: Source of the ticker's bars
--   schema: Schema of the ticker's bars
-- Example: FROM core.aligned_rows(['AAPL', 'MSFT'], INTERVAL 5 MINUTE, is_grid := true);

CREATE OR REPLACE MACRO core.aligned_rows(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := {{adjust}},
    from_source := NULL,
    from_schema := NULL,
    partial := 'drop',
    lookback := NULL,
    is_grid := false
) AS TABLE
WITH call_tickers AS MATERIALIZED (
    SELECT
        c.ticker,
        c.source,
        c.schema,
        c.is_mixed,
        c.session_key
    FROM core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema
    ) AS c
),
present AS MATERIALIZED (
    SELECT r.*
    FROM core.resampled(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema, partial := partial,
        lookback := lookback
    ) AS r
),
labels AS (
    SELECT ts_event, ts_close, session_date, in_range
    FROM present
    UNION ALL
    SELECT g.ts_event, g.ts_close, g.session_date, true
    FROM core.call_grid(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        from_source := from_source, from_schema := from_schema, partial := partial
    ) AS g
    WHERE is_grid
),
buckets AS (
    SELECT
        ts_event,
        max(ts_close) AS ts_close,
        min(session_date) AS session_date,
        bool_or(in_range) AS in_range
    FROM labels
    GROUP BY ts_event
),
rectangle AS (
    SELECT
        t.ticker,
        t.source,
        t.schema,
        t.is_mixed,
        t.session_key,
        b.ts_event,
        b.ts_close,
        b.in_range,
        CASE WHEN t.is_mixed THEN timezone(tz, b.ts_event)::DATE ELSE b.session_date END AS bucket_date
    FROM buckets AS b
    CROSS JOIN call_tickers AS t
)
SELECT
    g.ticker::VARCHAR AS ticker,
    g.ts_event::TIMESTAMPTZ AS ts_event,
    g.ts_close::TIMESTAMPTZ AS ts_close,
    coalesce(p.session_date, g.bucket_date)::DATE AS session_date,
    g.bucket_date::DATE AS bucket_date,
    CASE WHEN g.is_mixed AND core.interval_unit(bar_interval) = 'intraday'
        THEN coalesce(d.session_date, g.bucket_date) ELSE g.bucket_date END::DATE AS own_date,
    p.open::DOUBLE AS open,
    p.high::DOUBLE AS high,
    p.low::DOUBLE AS low,
    p.close::DOUBLE AS close,
    p.volume::DOUBLE AS volume,
    p.vwap::DOUBLE AS vwap,
    p.transactions::BIGINT AS transactions,
    coalesce(p.bar_count, 0)::BIGINT AS bar_count,
    (p.bar_count IS NOT NULL)::BOOLEAN AS is_present,
    g.in_range::BOOLEAN AS in_range,
    g.source::VARCHAR AS source,
    g.schema::VARCHAR AS schema
FROM rectangle AS g
LEFT JOIN present AS p
    ON p.ticker = g.ticker
    AND p.ts_event = g.ts_event
LEFT JOIN core.session_days AS d
    ON g.is_mixed
    AND d.session_key = g.session_key
    AND d.utc_day = epoch_us(g.ts_event) // 86400000000
    AND epoch_us(g.ts_event) >= d.start_us
    AND epoch_us(g.ts_event) < d.end_us;
