-- core.positive_problem(parameter, given): the problem of a parameter that must be a number above 0.
--
-- NULLs: NULL if the number is valid, and for NULL, which takes the configured value.
-- Example: SELECT core.positive_problem('std_threshold', 3);

CREATE OR REPLACE MACRO core.positive_problem(parameter, given) AS (
    CASE
        WHEN given::VARCHAR IS NOT NULL
            AND NOT coalesce(
                TRY_CAST(given::VARCHAR AS DOUBLE) > 0 AND isfinite(TRY_CAST(given::VARCHAR AS DOUBLE)), false
            )
        THEN parameter || ': ' || given::VARCHAR || ' is not a number above 0 (NULL takes the configured value)'
    END
);
