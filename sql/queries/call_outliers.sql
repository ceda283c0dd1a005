-- Bars whose return stands out: the macro outliers, every argument bound.
SELECT *
FROM outliers(
    $tickers,
    $std_threshold,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    tz := $tz,
    bar_interval := $bar_interval,
    trailing_bars := $trailing_bars,
    method := $method,
    from_source := $from_source,
    from_schema := $from_schema
)
