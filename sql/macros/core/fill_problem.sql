-- core.fill_problem(fill_volume, fill_prices, max_age, across_sessions, lookback): their first problem.
--
-- NULLs: NULL if nothing is wrong; max_age and lookback may be NULL, the others may not.
-- Example: SELECT core.fill_problem('zero', 'own', NULL, true, NULL);

CREATE OR REPLACE MACRO core.fill_problem(fill_volume, fill_prices, max_age, across_sessions, lookback) AS (
    coalesce(
        core.choice_problem('fill_volume', fill_volume, ['zero', 'ffill', 'null']),
        core.choice_problem('fill_prices', fill_prices, ['own', 'close']),
        core.choice_problem('across_sessions', across_sessions, ['true', 'false']),
        core.length_problem('max_age', max_age),
        core.length_problem('lookback', lookback)
    )
);
