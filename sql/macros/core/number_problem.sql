-- core.number_problem(parameter, given): what is wrong with a parameter that must be a finite number, or NULL.
--
-- NULLs: NULL is no number.
-- Example: SELECT core.number_problem('hedge_ratio', 1.5);

CREATE OR REPLACE MACRO core.number_problem(parameter, given) AS (
    CASE
        WHEN NOT coalesce(isfinite(TRY_CAST(given::VARCHAR AS DOUBLE)), false)
        THEN parameter || ': ' || coalesce(given::VARCHAR, 'NULL') || ' is no number'
    END
);
