-- One ticker's bars in its own buckets, in order of time: the macro resampled, every argument bound.
SELECT
    ts_event,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    transactions
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
ORDER BY ts_event
