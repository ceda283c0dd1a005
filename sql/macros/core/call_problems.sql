-- core.call_problems(tickers, bar_interval, …): the problems of a call's arguments; no row if all are valid.
--
-- core.check_call raises the first of them.
-- Grain: one row per problem, the most helpful first.
-- NULLs: none.
-- Columns:
--   rank: Place in the order of problems
--   problem: A sentence that names the parameter, its value and the valid ones
-- Example: FROM core.call_problems(['AAPL'], INTERVAL 5 MINUTE, session := 'regular');

CREATE OR REPLACE MACRO core.call_problems(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := {{adjust}},
    from_source := NULL,
    from_schema := NULL,
    may_skip := false
) AS TABLE
-- Without a zone no bound can be read.
SELECT CASE WHEN starts_with(problem, 'tz:') THEN 0 ELSE 1 END AS rank, problem::VARCHAR AS problem
FROM (
    SELECT CASE WHEN NOT core.is_bar_interval(bar_interval) THEN
        'bar_interval: ' || coalesce('''' || bar_interval::VARCHAR || '''', 'NULL')
        || ' is not an interval of bars' || core.interval_hint(bar_interval)
        || ' (valid: an INTERVAL or text like 30s, 1min, 5min, 1h in'
        || ' whole seconds below a day, 1d, 1w, 1mo)' END AS problem
    UNION ALL
    SELECT CASE WHEN coalesce(session::VARCHAR, 'NULL') NOT IN ('regular', 'all') THEN
        'session: ' || coalesce('''' || session::VARCHAR || '''', 'NULL')
        || ' is not a choice (valid: ''regular'', ''all'')' END
    UNION ALL
    SELECT CASE WHEN coalesce(anchor::VARCHAR, 'NULL') NOT IN ('session', 'midnight', 'epoch') THEN
        'anchor: ' || coalesce('''' || anchor::VARCHAR || '''', 'NULL')
        || ' is not a choice (valid: ''session'', ''midnight'', ''epoch'')' END
    UNION ALL
    SELECT CASE WHEN coalesce(adjust::VARCHAR, 'NULL') NOT IN ('none', 'splits', 'all') THEN
        'adjust: ' || coalesce('''' || adjust::VARCHAR || '''', 'NULL')
        || ' is not a choice (valid: ''none'', ''splits'', ''all'')' END
    UNION ALL
    SELECT CASE WHEN timezone(tz, TIMESTAMP '2000-01-01') IS NULL THEN
        'tz: NULL is not a time zone (valid: an IANA name like ''America/New_York'')' END
    UNION ALL
    SELECT CASE
        WHEN start_ts::VARCHAR IS NOT NULL AND (core.instant(start_ts, tz) IS NULL OR NOT core.is_readable(start_ts))
        THEN
        'start_ts: ''' || start_ts::VARCHAR || ''' is not a date or time (valid: a DATE, TIMESTAMP or TIMESTAMPTZ, or'
        || ' text like ''2023-01-31'', ''2023-01-31 09:30'', ''2023-01-31 09:30:00-05:00'')' END
    UNION ALL
    SELECT CASE
        WHEN end_ts::VARCHAR IS NOT NULL AND (core.instant(end_ts, tz) IS NULL OR NOT core.is_readable(end_ts))
        THEN
        'end_ts: ''' || end_ts::VARCHAR || ''' is not a date or time (valid: a DATE, TIMESTAMP or TIMESTAMPTZ, or'
        || ' text like ''2023-01-31'', ''2023-01-31 09:30'', ''2023-01-31 09:30:00-05:00'')' END
    UNION ALL
    SELECT CASE
        WHEN core.is_date(start_ts) AND core.is_date(end_ts) AND core.instant(start_ts, tz) > core.instant(end_ts, tz)
            OR NOT core.is_date(start_ts) AND NOT core.is_date(end_ts)
            AND core.instant(start_ts, tz) >= core.instant(end_ts, tz)
            OR core.is_date(start_ts) <> core.is_date(end_ts)
            AND epoch_us(core.instant(start_ts, tz)) - epoch_us(core.instant(end_ts, tz)) > 172800000000
        THEN 'start_ts: ''' || start_ts::VARCHAR || ''' is not before end_ts ''' || end_ts::VARCHAR || '''' END
) AS options
WHERE problem IS NOT NULL
UNION ALL
SELECT 2, p.problem
FROM core.series_problems(
    tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
    from_source := from_source, from_schema := from_schema, may_skip := may_skip
) AS p
ORDER BY rank, problem;
