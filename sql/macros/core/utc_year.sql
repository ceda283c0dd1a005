-- core.utc_year(ts): the UTC year of an instant: the hive column `year` of the data files.
--
-- NULLs: NULL for NULL.
-- Example: SELECT core.utc_year(TIMESTAMPTZ '2023-12-31 23:30:00-05');

CREATE OR REPLACE MACRO core.utc_year(ts) AS (year(timezone('UTC', ts))::INTEGER);
