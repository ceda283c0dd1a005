-- core.refuse(problem): raise a problem as an error.
--
-- Published macros have an arm of its own for the problems of their arguments, with this in every column and in its
-- WHERE: whatever an outer query asks of the rows, it meets the error. A check beside the rows is skipped by DuckDB 2.0
-- where there are no rows.
-- NULLs: NULL for NULL, which raises nothing.
-- Example: SELECT core.refuse(problem) FROM core.call_problems(['AAPL'], INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.refuse(problem) AS (CASE WHEN problem IS NULL THEN problem ELSE error(problem) END);
