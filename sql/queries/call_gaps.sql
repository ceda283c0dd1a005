-- Runs of missing bars: the macro gaps, every argument bound.
SELECT *
FROM gaps(
    $tickers,
    $max_gap_minutes,
    start_ts := $start_ts,
    end_ts := $end_ts,
    tz := $tz,
    bar_interval := $bar_interval,
    from_source := $from_source,
    from_schema := $from_schema
)
