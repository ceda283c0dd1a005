-- core.intraday_problem(parameter, given): what is wrong with an interval that must be below a day, or NULL.
--
-- NULLs: NULL for an interval that makes no bars at all; core.call_problems refuses it.
-- Example: SELECT core.intraday_problem('bar_interval', INTERVAL 1 DAY);

CREATE OR REPLACE MACRO core.intraday_problem(parameter, given) AS (
    CASE
        WHEN core.interval_unit(given) <> 'intraday'
        THEN parameter || ': ''' || given::VARCHAR || ''' is no part of a session (valid: an interval below a day)'
    END
);
