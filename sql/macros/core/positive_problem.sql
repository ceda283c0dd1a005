-- core.positive_problem(parameter, given): what is wrong with a parameter that must be a number above 0, or NULL.
--
-- NULLs: NULL for NULL, which takes what is configured.
-- Example: SELECT core.positive_problem('std_threshold', 3);

CREATE OR REPLACE MACRO core.positive_problem(parameter, given) AS (
    CASE
        WHEN given::VARCHAR IS NOT NULL
            AND NOT coalesce(TRY_CAST(given::VARCHAR AS DOUBLE) > 0 AND isfinite(TRY_CAST(given::VARCHAR AS DOUBLE)), false)
        THEN parameter || ': ' || given::VARCHAR || ' is no number above 0 (NULL takes what is configured)'
    END
);
