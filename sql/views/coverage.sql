-- coverage: the ranges requested from each source, when and with which result.
--
-- Grain: one row per answer, ticker and range; where ranges overlap, the newest generation and fetched_at win.
-- Inputs: core.coverage.
-- NULLs: reason and run_id where there is none; fresh_until for an answer that never goes stale.
-- Columns:
{{coverage_columns}}
-- Example: FROM coverage WHERE ticker = 'AAPL' ORDER BY start_ts;

CREATE OR REPLACE VIEW coverage AS
SELECT * EXCLUDE (generation)
FROM core.coverage;
