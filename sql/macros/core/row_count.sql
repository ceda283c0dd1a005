-- core.row_count(given): a number of rows for a window frame: the whole number that was given, else 1.
--
-- NULLs: 1 for NULL and for text that is not a whole number, which core.count_problem reports.
-- Example: SELECT core.row_count(20);

CREATE OR REPLACE MACRO core.row_count(given) AS (greatest(coalesce(TRY_CAST(given::VARCHAR AS BIGINT), 1), 1));
