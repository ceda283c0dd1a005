-- core.count_problem(parameter, given): the problem of a parameter that must be a whole number of 2 or more.
--
-- NULLs: NULL for NULL, which means that there is no such limit.
-- Example: SELECT core.count_problem('trailing_bars', 390);

CREATE OR REPLACE MACRO core.count_problem(parameter, given) AS (
    CASE
        WHEN given::VARCHAR IS NOT NULL AND NOT regexp_full_match(given::VARCHAR, '[2-9]|[1-9][0-9]{1,8}')
        THEN parameter || ': ' || given::VARCHAR || ' is not a whole number of 2 or more'
    END
);
