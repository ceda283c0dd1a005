-- core.number_problem(parameter, given): the problem of a parameter that must be a finite number.
--
-- NULLs: NULL if the number is valid; NULL is not a number.
-- Example: SELECT core.number_problem('hedge_ratio', 1.5);

CREATE OR REPLACE MACRO core.number_problem(parameter, given) AS (
    CASE
        WHEN NOT coalesce(isfinite(TRY_CAST(given::VARCHAR AS DOUBLE)), false)
        THEN parameter || ': ' || coalesce(given::VARCHAR, 'NULL') || ' is not a number'
    END
);
