-- core.length_problem(parameter, given): the problem of a parameter that must be a duration.
--
-- NULLs: NULL if the length is valid, and for NULL, which sets no limit.
-- Example: SELECT core.length_problem('max_age', INTERVAL 30 MINUTE);

CREATE OR REPLACE MACRO core.length_problem(parameter, given) AS (
    CASE
        WHEN given::VARCHAR IS NOT NULL AND coalesce(core.span_us(given), 0) <= 0
        THEN parameter || ': ''' || given::VARCHAR || ''' is not a positive duration (valid: an INTERVAL without'
            || ' months, or text like 30min, 1h, 2d)'
    END
);
