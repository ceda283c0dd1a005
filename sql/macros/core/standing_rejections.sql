-- core.standing_rejections(tickers, bar_interval, …): rejected rows that no later answer has replaced.
--
-- A complete answer replaces rows of its range that were rejected before it. A row that is rejected each time it is
-- fetched counts once.
-- Grain: one row per ticker and rejected row.
-- Inputs: core.chosen_series, core.quarantine, core.coverage.
-- NULLs: none; rows without a time are left out.
-- Columns:
--   ticker_slot: Number of the ticker in the call
--   ts_us: Open of the row in microseconds since the epoch
--   reason: Why it was rejected
-- Example: FROM core.standing_rejections(['AAPL'], INTERVAL 1 MINUTE);

CREATE OR REPLACE MACRO core.standing_rejections(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    tz := {{tz}},
    from_source := NULL,
    from_schema := NULL
) AS TABLE
WITH rejected AS (
    SELECT
        c.ticker_slot,
        c.ticker,
        c.source,
        c.schema,
        q.ts_event,
        q.reason,
        (q.open, q.high, q.low, q.close, q.volume, q.vwap, q.transactions) AS rejected_values,
        max(q.seen_at) AS seen_at
    FROM core.quarantine AS q
    JOIN core.chosen_series(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, tz := tz, from_source := from_source,
        from_schema := from_schema
    ) AS c
        USING (ticker, source, schema)
    WHERE core.is_wanted(tickers, q.ticker)
        AND q.ts_event IS NOT NULL
    GROUP BY ALL
),
whole_answers AS (
    SELECT a.ticker, a.source, a.schema, a.start_ts, a.end_ts, a.fetched_at
    FROM core.coverage AS a
    WHERE core.is_wanted(tickers, a.ticker)
        AND a.result IN ('complete', 'empty')
)
SELECT
    r.ticker_slot::INTEGER AS ticker_slot,
    epoch_us(r.ts_event)::BIGINT AS ts_us,
    r.reason::VARCHAR AS reason
FROM rejected AS r
ANTI JOIN whole_answers AS a
    ON a.ticker = r.ticker
    AND a.source = r.source
    AND a.schema = r.schema
    AND a.start_ts <= r.ts_event
    AND a.end_ts > r.ts_event
    AND a.fetched_at > r.seen_at;
