-- Runs of missing bars in a call's range that last longer than the lowest limit of its tickers: the macro gaps.
SELECT
    ticker,
    session_date,
    first_missing,
    last_missing,
    missing_bars,
    missing_minutes,
    position,
    reason
FROM gaps(
    $tickers,
    $limit,
    start_ts := $start_ts,
    end_ts := $end_ts,
    tz := $tz,
    bar_interval := $bar_interval,
    from_source := $from_source,
    from_schema := $from_schema
)
ORDER BY ticker, first_missing
