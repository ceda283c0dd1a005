-- Each ticker and session, what is there and what is not: the macro quality, every argument bound.
SELECT *
FROM quality(
    $tickers,
    $max_gap_minutes,
    start_ts := $start_ts,
    end_ts := $end_ts,
    tz := $tz,
    bar_interval := $bar_interval,
    std_threshold := $std_threshold,
    from_source := $from_source,
    from_schema := $from_schema
)
