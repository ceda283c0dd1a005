-- The tickers of a call, in the order in which a wide table shows them: as asked, else by place in the universe, else by
-- name; whether anything of them is stored, whether the call's calendars differ, and the first and last session that each
-- is shown for, in days since 1970-01-01. What is wrong with the call is an arm of its own: a check in the WHERE is left
-- out where no ticker is known.
WITH refusal AS (
    SELECT first(p.problem ORDER BY p.rank, p.problem) AS problem
    FROM core.call_problems(
        $tickers,
        $bar_interval,
        start_ts := $start_ts,
        end_ts := $end_ts,
        session := $session,
        anchor := $anchor,
        tz := $tz,
        adjust := $adjust,
        from_source := $from_source,
        from_schema := $from_schema
    ) AS p
    HAVING count(*) > 0
),
asked AS (
    SELECT
        chosen.ticker,
        chosen.source IS NOT NULL AS is_stored,
        chosen.is_mixed,
        (listed.active_from - DATE '1970-01-01')::BIGINT AS first_day,
        (listed.active_to - DATE '1970-01-01')::BIGINT AS last_day,
        listed.universe_position
    FROM core.chosen_series(
        $tickers,
        $bar_interval,
        session := $session,
        anchor := $anchor,
        from_source := $from_source,
        from_schema := $from_schema
    ) AS chosen
    LEFT JOIN core.ticker_list AS listed USING (ticker)
    UNION ALL
    SELECT
        core.refuse(problem)::VARCHAR,
        core.refuse(problem)::BOOLEAN,
        core.refuse(problem)::BOOLEAN,
        core.refuse(problem)::BIGINT,
        core.refuse(problem)::BIGINT,
        core.refuse(problem)::BIGINT
    FROM refusal
    WHERE core.refuse(problem) IS NOT NULL
)
SELECT
    ticker,
    is_stored,
    is_mixed,
    first_day,
    last_day
FROM asked
ORDER BY
    list_position($tickers, ticker),
    universe_position,
    ticker
