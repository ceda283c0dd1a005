-- All tickers on the union of their buckets, filled forward: the macro aligned_ffill, every argument bound.
SELECT *
FROM aligned_ffill(
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
    fill_volume := $fill_volume,
    fill_prices := $fill_prices,
    max_age := $max_age,
    across_sessions := $across_sessions,
    lookback := $lookback
)
