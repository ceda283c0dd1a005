-- core.intraday_problem(parameter, given): the problem of an interval that must be below a day.
--
-- NULLs: NULL for an interval that is not one of bars; core.call_problems reports it.
-- Example: SELECT core.intraday_problem('bar_interval', INTERVAL 1 DAY);

CREATE OR REPLACE MACRO core.intraday_problem(parameter, given) AS (
    CASE
        WHEN core.interval_unit(given) <> 'intraday'
        THEN parameter || ': ''' || given::VARCHAR || ''' is not part of a session (valid: an interval below a day)'
    END
);
