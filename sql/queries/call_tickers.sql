-- The tickers of a call, in the order in which a wide table shows them: as asked, else by place in the universe, else by
-- name; whether anything of them is stored, whether the call's calendars differ, and the first and last session that each
-- is shown for, in days since 1970-01-01.
SELECT
    chosen.ticker,
    chosen.source IS NOT NULL AS is_stored,
    chosen.is_mixed,
    (listed.active_from - DATE '1970-01-01')::BIGINT AS first_day,
    (listed.active_to - DATE '1970-01-01')::BIGINT AS last_day
FROM core.chosen_series(
    $tickers,
    $bar_interval,
    session := $session,
    anchor := $anchor,
    from_source := $from_source,
    from_schema := $from_schema
) AS chosen
LEFT JOIN core.ticker_list AS listed USING (ticker)
WHERE core.is_valid_call(
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
)
ORDER BY
    list_position($tickers, chosen.ticker),
    listed.universe_position,
    chosen.ticker
