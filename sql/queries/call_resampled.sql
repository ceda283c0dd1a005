-- Stored bars in buckets: the macro resampled, every argument bound.
SELECT *
FROM resampled(
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
