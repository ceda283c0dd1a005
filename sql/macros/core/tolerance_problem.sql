-- core.tolerance_problem(parameter, given): the problem of a parameter that must be a number of 0 or more.
--
-- NULLs: NULL if the number is valid.
-- Example: SELECT core.tolerance_problem('price_tolerance', 0.001);

CREATE OR REPLACE MACRO core.tolerance_problem(parameter, given) AS (
    CASE
        WHEN NOT coalesce(
            TRY_CAST(given::VARCHAR AS DOUBLE) >= 0 AND isfinite(TRY_CAST(given::VARCHAR AS DOUBLE)), false
        )
        THEN parameter || ': ' || coalesce(given::VARCHAR, 'NULL') || ' is not a number of 0 or more'
    END
);
