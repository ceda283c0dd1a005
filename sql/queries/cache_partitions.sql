-- The partitions of the store as the cache sees them: one row each, the one that was used longest ago first.
--
-- $sources: the sources that can be asked again. is_evictable: every answer about the partition came from one of them over
-- the network, and nobody pinned the ticker. Answers that failed brought no bars, and
-- those that were only called stale speak of bars that another one brought.
WITH partitions AS (
    SELECT
        schema,
        source,
        ticker,
        year,
        sum(byte_size)::BIGINT AS byte_size,
        max(written_at) AS written_at
    FROM core.files
    GROUP BY schema, source, ticker, year
),
answers AS (
    SELECT
        ledger.source,
        ledger.schema,
        unnest(ledger.tickers) AS ticker,
        ledger.ranges,
        coalesce(runs.kind = 'fetch', false) AS is_fetched
    FROM core.coverage_ledger AS ledger
    LEFT JOIN core.ingest_runs AS runs USING (run_id)
    WHERE ledger.reason IS DISTINCT FROM 'invalidated'
        AND ledger.result <> 'failed'
),
answered_ranges AS (
    SELECT source, schema, ticker, is_fetched, unnest(ranges) AS answered
    FROM answers
),
origins AS (
    SELECT p.schema, p.source, p.ticker, p.year, bool_and(a.is_fetched) AS is_fetched
    FROM partitions AS p
    INNER JOIN answered_ranges AS a USING (schema, source, ticker)
    WHERE p.year IS NULL
        OR (
            epoch_us(a.answered.start_ts) < epoch_us(make_timestamp(p.year + 1, 1, 1, 0, 0, 0.0))
            AND epoch_us(a.answered.end_ts) > epoch_us(make_timestamp(p.year, 1, 1, 0, 0, 0.0))
        )
    GROUP BY p.schema, p.source, p.ticker, p.year
),
last_uses AS (
    SELECT p.schema, p.source, p.ticker, p.year, max(u.used_at) AS used_at
    FROM partitions AS p
    INNER JOIN core.uses AS u ON u.ticker = p.ticker AND (p.year IS NULL OR u.year IN (0, p.year))
    GROUP BY p.schema, p.source, p.ticker, p.year
)
SELECT
    p.schema,
    p.source,
    p.ticker,
    p.year,
    p.byte_size,
    greatest(p.written_at, u.used_at) AS used_at,
    pins.ticker IS NOT NULL AS is_pinned,
    coalesce(o.is_fetched, false) AND pins.ticker IS NULL AND list_contains($sources, p.source) AS is_evictable
FROM partitions AS p
LEFT JOIN origins AS o
    ON (o.schema, o.source, o.ticker) = (p.schema, p.source, p.ticker)
    AND o.year IS NOT DISTINCT FROM p.year
LEFT JOIN last_uses AS u
    ON (u.schema, u.source, u.ticker) = (p.schema, p.source, p.ticker)
    AND u.year IS NOT DISTINCT FROM p.year
LEFT JOIN core.pins AS pins ON pins.ticker = p.ticker
ORDER BY used_at, p.ticker, p.schema, p.source, p.year
