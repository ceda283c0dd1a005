-- revisions: bars that a vendor changed or withdrew after they had been stored.
--
-- Grain: one row per bar and change.
-- Inputs: core.revisions.
-- NULLs: the new values of a withdrawn bar.
-- Columns:
{{revision_columns}}
-- Example: FROM revisions WHERE ticker = 'AAPL' ORDER BY seen_at;

CREATE OR REPLACE VIEW revisions AS
SELECT *
FROM core.revisions;
