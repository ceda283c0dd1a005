-- All tickers on the union of their buckets: the macro aligned_outer, every argument bound.
SELECT *
FROM aligned_outer(
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
