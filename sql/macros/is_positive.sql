-- core.is_positive(parameter, given): true, or the error that a parameter must be a number above 0; NULL leaves it out.
--
-- NULLs: true for NULL.
-- Example: SELECT core.is_positive('std_threshold', 3);

CREATE OR REPLACE MACRO core.is_positive(parameter, given) AS (
    SELECT CASE
        WHEN given::VARCHAR IS NULL OR coalesce(TRY_CAST(given::VARCHAR AS DOUBLE) > 0, false)
            AND NOT isinf(TRY_CAST(given::VARCHAR AS DOUBLE)) AND NOT isnan(TRY_CAST(given::VARCHAR AS DOUBLE)) THEN true
        ELSE error(parameter || ': ' || given::VARCHAR || ' is no number above 0 (NULL takes what is configured)')
    END
);
