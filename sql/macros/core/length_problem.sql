-- core.length_problem(parameter, given): what is wrong with a parameter that must be a length of time, or NULL.
--
-- NULLs: NULL for NULL, which means that there is no such limit.
-- Example: SELECT core.length_problem('max_age', INTERVAL 30 MINUTE);

CREATE OR REPLACE MACRO core.length_problem(parameter, given) AS (
    CASE
        WHEN given::VARCHAR IS NOT NULL AND coalesce(core.span_us(given), 0) <= 0
        THEN parameter || ': ''' || given::VARCHAR || ''' is no positive length of time (valid: an INTERVAL without months,'
            || ' or text like 30min, 1h, 2d)'
    END
);
