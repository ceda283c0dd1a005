-- core.refuse(problem): raise a problem as an error.
--
-- NULLs: NULL for NULL, which raises nothing.
-- Example: SELECT core.refuse(problem) FROM core.call_problems(['AAPL'], INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.refuse(problem) AS (CASE WHEN problem IS NULL THEN problem ELSE error(problem) END);
