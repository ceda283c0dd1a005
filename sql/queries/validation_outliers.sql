-- Bars of a call whose return lies beyond the lowest threshold of its tickers: the macro outliers, on the call's buckets.
SELECT
    ticker,
    ts_event,
    session_date,
    close,
    previous_close,
    log_return,
    z_score,
    sample_size
FROM outliers(
    $tickers,
    $limit,
    start_ts := $start_ts,
    end_ts := $end_ts,
    session := $session,
    tz := $tz,
    bar_interval := $bar_interval,
    trailing_bars := $trailing_bars,
    from_source := $from_source,
    from_schema := $from_schema
)
ORDER BY ticker, ts_event
