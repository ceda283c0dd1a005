-- coverage: the ranges requested from each source, when and with which result.
--
-- Grain: one row per answer, ticker and range; where ranges overlap, the newest generation and fetched_at win.
-- Inputs: core.coverage.
-- NULLs: reason and run_id where there is none; fresh_until for an answer that never goes stale.
-- Columns:
{{coverage_columns}}
-- Example: FROM coverage WHERE ticker = 'AAPL' ORDER BY start_ts;

CREATE OR REPLACE VIEW coverage AS
SELECT
    c.ticker::VARCHAR AS ticker,
    c.source::VARCHAR AS source,
    c.schema::VARCHAR AS schema,
    c.start_ts::TIMESTAMPTZ AS start_ts,
    c.end_ts::TIMESTAMPTZ AS end_ts,
    c.result::VARCHAR AS result,
    c.reason::VARCHAR AS reason,
    c.fetched_at::TIMESTAMPTZ AS fetched_at,
    c.fresh_until::TIMESTAMPTZ AS fresh_until,
    c.run_id::VARCHAR AS run_id
FROM core.coverage AS c;
