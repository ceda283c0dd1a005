-- quarantine: rejected rows as they came, with the reason.
--
-- Grain: one row per rejected row.
-- Inputs: core.quarantine.
-- NULLs: as the input had them.
-- Columns:
{{quarantine_columns}}
-- Example: FROM quarantine WHERE ticker = 'AAPL';

CREATE OR REPLACE VIEW quarantine AS
SELECT *
FROM core.quarantine;
