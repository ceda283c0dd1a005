-- The calendar's complete grid of a call, in no order: left edge, and what else a wide table reads of a bucket.
SELECT
    epoch_us(ts_event) AS ts_us,
    {{columns}}
FROM core.call_grid(
    $tickers,
    $bar_interval,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    anchor := $anchor,
    tz := $tz,
    from_source := $from_source,
    from_schema := $from_schema
)
