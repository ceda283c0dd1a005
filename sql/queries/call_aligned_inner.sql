-- All tickers on the buckets that each of them has: the macro aligned_inner, every argument bound.
SELECT *
FROM aligned_inner(
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
