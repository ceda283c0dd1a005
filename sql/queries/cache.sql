-- Read what is cached, and what a cached result depends on.

-- name: tickers
-- Every ticker that is stored or was requested.
SELECT DISTINCT ticker FROM cache_index ORDER BY ticker

-- name: series
-- The stored or requested series of one ticker ($ticker), the finest bars first.
SELECT
    ledger.source,
    ledger.schema,
    max(ledger.provider) AS provider,
    max(series.day_tz) AS day_tz
FROM (
    SELECT source, schema, NULL::VARCHAR AS provider
    FROM core.coverage_ledger
    WHERE list_contains(tickers, $ticker)
    UNION
    SELECT series.source, series.schema, sources.provider
    FROM core.series AS series
    LEFT JOIN core.sources AS sources USING (source)
    WHERE series.ticker = $ticker
) AS ledger
LEFT JOIN core.series AS series
    ON series.ticker = $ticker
    AND series.source = ledger.source
    AND series.schema = ledger.schema
GROUP BY ledger.source, ledger.schema
ORDER BY max(series.step_us) NULLS LAST, ledger.schema, ledger.source

-- name: calendar
-- The calendar of one ticker ($ticker), whether it was inferred, and whether the ticker has session hours of its own.
SELECT
    calendar,
    calendar_is_inferred,
    session_key <> calendar AS has_own_hours
FROM core.ticker_list
WHERE ticker = $ticker

-- name: bars
-- The stored bars of one series ($ticker, $source) between two instants ($start_us, $end_us), as they are.
SELECT
    ts_event,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    transactions
FROM core.{{view}}
WHERE ticker = $ticker
    AND source = $source
    AND year >= year(timezone('UTC', make_timestamptz($start_us)))
    AND year <= year(timezone('UTC', make_timestamptz($end_us)))
    AND ts_event >= make_timestamptz($start_us)
    AND ts_event < make_timestamptz($end_us)
ORDER BY ts_event

-- name: partitions
-- The partitions of the cache, the least recently used first.
--
-- $sources: the sources that can be fetched again. is_evictable: every answer about the partition was fetched from
-- one of them, and the ticker is not pinned. Failed answers brought no bars, and invalidated ones refer to bars of
-- another.
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

-- name: totals
-- Totals of the cache: series, bars, bytes, answered ranges, and how many series have a stale answer.
SELECT
    count(*) AS series,
    coalesce(sum(row_count), 0)::BIGINT AS rows,
    coalesce(sum(byte_size), 0)::BIGINT AS bytes,
    coalesce(sum(range_count), 0)::BIGINT AS ranges,
    count(CASE WHEN is_stale THEN 1 END) AS stale_series
FROM cache_index

-- name: result_inputs
-- The inputs of a result besides the request: one row per series, active range, file, session time line, calendar and
-- split, and one per ticker with factors of adjustment.
--
-- $first_us and $last_us bound the files (µs since the epoch, NULL: no bound). Digests are compared, never shown.
WITH chosen AS (
    FROM core.chosen_series(
        $tickers,
        $bar_interval,
        start_ts := $start_ts,
        end_ts := $end_ts,
        session := $session,
        anchor := $anchor,
        tz := $tz,
        from_source := $from_source,
        from_schema := $from_schema
    )
)
SELECT 'series' AS kind, concat_ws('|', ticker, calendar, session_key, source, schema, day_tz, anchoring) AS item
FROM chosen
UNION ALL
SELECT 'file', files.content_id
FROM core.files
INNER JOIN chosen USING (ticker, source, schema)
WHERE coalesce(epoch_us(files.ts_max) >= $first_us, true)
    AND coalesce(epoch_us(files.ts_min) < $last_us, true)
UNION ALL
SELECT 'sessions', concat_ws('|', session_key, bit_xor(hash(days))::VARCHAR)
FROM core.session_days AS days
WHERE session_key IN (SELECT session_key FROM chosen)
GROUP BY session_key
UNION ALL
SELECT 'calendar', concat_ws('|', calendar, bit_xor(hash(sessions))::VARCHAR)
FROM core.sessions AS sessions
WHERE calendar IN (SELECT calendar FROM chosen)
GROUP BY calendar
UNION ALL
SELECT 'active', concat_ws('|', ticker, active_from, '-', active_to)
FROM core.ticker_list
WHERE ticker IN (SELECT ticker FROM chosen) AND (active_from IS NOT NULL OR active_to IS NOT NULL)
UNION ALL
SELECT 'split', concat_ws('|', ticker, execution_date, split_from, split_to)
FROM core.latest_splits
WHERE ticker IN (SELECT ticker FROM chosen)
UNION ALL
-- Factors also depend on bars outside of the range: on the closes before dividends, and on the last bar.
SELECT 'factors', concat_ws('|', ticker_slot, bit_xor(hash(session_date, price_factor, volume_factor))::VARCHAR)
FROM core.price_factors(
    $tickers,
    $bar_interval,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    anchor := $anchor,
    tz := $tz,
    adjust := $adjust,
    from_source := $from_source,
    from_schema := $from_schema,
    lookback := $lookback
)
GROUP BY ticker_slot
ORDER BY kind, item
