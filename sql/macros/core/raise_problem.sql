-- core.raise_problem(problem): raise a problem as an error.
--
-- NULLs: NULL for NULL, which raises nothing.
-- Example: SELECT core.raise_problem(problem) FROM core.call_problems(['AAPL'], INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.raise_problem(problem) AS (CASE WHEN problem IS NULL THEN problem ELSE error(problem) END);
