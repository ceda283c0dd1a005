-- core.is_count(parameter, given): true, or the error that a parameter must be a whole number of 2 or more, or NULL.
--
-- NULLs: true for NULL.
-- Example: SELECT core.is_count('trailing_bars', 390);

CREATE OR REPLACE MACRO core.is_count(parameter, given) AS (
    SELECT CASE
        WHEN given::VARCHAR IS NULL OR regexp_full_match(given::VARCHAR, '[2-9]|[1-9][0-9]{1,8}') THEN true
        ELSE error(parameter || ': ' || given::VARCHAR || ' is no whole number of 2 or more')
    END
);
