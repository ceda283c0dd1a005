-- core.coverage: the coverage ledger with one row per ticker and range.
--
-- Grain: one row per answer, ticker and range; where ranges overlap, the newest generation and fetched_at win.
-- Inputs: core.coverage_ledger.
-- NULLs: reason and run_id where there is none; fresh_until for an answer that never goes stale.
-- Columns:
{{coverage_columns}}
--   generation: Generation of the store that recorded the answer
-- Example: FROM core.coverage WHERE ticker = 'AAPL' ORDER BY start_ts;

CREATE OR REPLACE VIEW core.coverage AS
WITH by_ticker AS (
    SELECT
        unnest(l.tickers) AS ticker,
        l.source,
        l.schema,
        l.ranges,
        l.result,
        l.reason,
        l.fetched_at,
        l.fresh_until,
        l.run_id,
        l.generation
    FROM core.coverage_ledger AS l
),
by_range AS (
    SELECT b.* EXCLUDE (ranges), unnest(b.ranges) AS covered_range
    FROM by_ticker AS b
)
SELECT
    r.ticker::VARCHAR AS ticker,
    r.source::VARCHAR AS source,
    r.schema::VARCHAR AS schema,
    (r.covered_range).start_ts::TIMESTAMPTZ AS start_ts,
    (r.covered_range).end_ts::TIMESTAMPTZ AS end_ts,
    r.result::VARCHAR AS result,
    r.reason::VARCHAR AS reason,
    r.fetched_at::TIMESTAMPTZ AS fetched_at,
    r.fresh_until::TIMESTAMPTZ AS fresh_until,
    r.run_id::VARCHAR AS run_id,
    r.generation::BIGINT AS generation
FROM by_range AS r;
