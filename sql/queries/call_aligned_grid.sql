-- All tickers on the calendar's complete grid: the macro aligned_grid, every argument bound.
SELECT *
FROM aligned_grid(
    $tickers,
    $bar_interval,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    anchor := $anchor,
    tz := $tz,
    adjust := $adjust,
    from_source := $from_source,
    from_schema := $from_schema,
    fill := $fill,
    fill_volume := $fill_volume,
    fill_prices := $fill_prices,
    max_age := $max_age,
    across_sessions := $across_sessions,
    lookback := $lookback
)
