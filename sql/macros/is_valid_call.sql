-- core.is_valid_call(tickers, bar_interval, …): true, or the error that says what is wrong with the arguments.
--
-- For queries of one's own over the building blocks; published macros have an arm for their problems (core.refuse).
-- NULLs: never NULL.
-- Example: SELECT core.is_valid_call(['AAPL'], INTERVAL 5 MINUTE);

CREATE OR REPLACE MACRO core.is_valid_call(
    tickers,
    bar_interval,
    start_ts := NULL,
    end_ts := NULL,
    session := {{session}},
    anchor := 'session',
    tz := {{tz}},
    adjust := {{adjust}},
    from_source := NULL,
    from_schema := NULL
) AS (
    SELECT CASE WHEN count(*) = 0 THEN true ELSE error(first(p.problem ORDER BY p.rank, p.problem)) END
    FROM core.call_problems(
        tickers, bar_interval, start_ts := start_ts, end_ts := end_ts, session := session, anchor := anchor, tz := tz,
        adjust := adjust, from_source := from_source, from_schema := from_schema
    ) AS p
);
