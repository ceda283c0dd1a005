-- The tickers of a call, in the order in which a wide table shows them: as asked, else by place in the universe, else by
-- name; whether anything of them is stored, and whether the call's calendars differ.
SELECT
    chosen.ticker,
    chosen.source IS NOT NULL AS is_stored,
    chosen.is_mixed
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
