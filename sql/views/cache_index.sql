-- cache_index: the stored series, their age, freshness and size.
--
-- Grain: one row per ticker, source and schema that is stored or was requested.
-- Inputs: core.series, core.coverage, core.uses, core.pins.
-- NULLs: used_at if never loaded; age and fetched_at if never requested; first_ts and last_ts without stored bars;
--   fresh_until if no answer can become stale.
-- Columns:
--   ticker: Ticker
--   source: Source
--   schema: Schema
--   first_ts: Open of the first stored bar, UTC
--   last_ts: Open of the last stored bar, UTC
--   row_count: Number of stored bars
--   byte_size: Size of its files in bytes
--   file_count: Number of its files
--   range_count: Number of answered ranges
--   fetched_at: When the newest answer came
--   fresh_until: When the first of its answers goes stale
--   is_stale: Whether one of its answers is stale now
--   age: Time since the newest answer came
--   used_at: When its bars were last loaded, as far as commits have folded it in
--   is_pinned: Whether its ticker is pinned, so that it is never evicted
-- Example: FROM cache_index WHERE is_stale ORDER BY byte_size DESC;

CREATE OR REPLACE VIEW cache_index AS
WITH answers AS (
    SELECT
        ticker,
        source,
        schema,
        count(*) AS range_count,
        max(fetched_at) AS fetched_at,
        min(fresh_until) AS fresh_until
    FROM core.coverage
    GROUP BY ticker, source, schema
),
last_uses AS (
    SELECT ticker, max(used_at) AS used_at
    FROM core.uses
    GROUP BY ticker
)
SELECT
    coalesce(s.ticker, a.ticker)::VARCHAR AS ticker,
    coalesce(s.source, a.source)::VARCHAR AS source,
    coalesce(s.schema, a.schema)::VARCHAR AS schema,
    s.first_ts::TIMESTAMPTZ AS first_ts,
    s.last_ts::TIMESTAMPTZ AS last_ts,
    coalesce(s.row_count, 0)::BIGINT AS row_count,
    coalesce(s.byte_size, 0)::BIGINT AS byte_size,
    coalesce(s.file_count, 0)::BIGINT AS file_count,
    coalesce(a.range_count, 0)::BIGINT AS range_count,
    a.fetched_at::TIMESTAMPTZ AS fetched_at,
    a.fresh_until::TIMESTAMPTZ AS fresh_until,
    coalesce(a.fresh_until <= now(), false)::BOOLEAN AS is_stale,
    (now() - a.fetched_at)::INTERVAL AS age,
    u.used_at::TIMESTAMPTZ AS used_at,
    (p.ticker IS NOT NULL)::BOOLEAN AS is_pinned
FROM core.series AS s
FULL JOIN answers AS a
    ON a.ticker = s.ticker
    AND a.source = s.source
    AND a.schema = s.schema
LEFT JOIN last_uses AS u ON u.ticker = coalesce(s.ticker, a.ticker)
LEFT JOIN core.pins AS p ON p.ticker = coalesce(s.ticker, a.ticker);
