SELECT
    c.ticker_slot,
    c.session_slot,
    c.step_us,
    core.day_key(c.session_slot, epoch_us(b.ts_event) // 86400000000) AS day_key,
    c.day_tz,
    epoch_us(b.ts_event) AS ts_us,
    b.open,
    b.high,
    b.low,
    b.close,
    b.volume,
    b.vwap,
    b.transactions
FROM {{bars}} AS b
JOIN chosen AS c
    ON c.ticker = b.ticker
    AND c.source = b.source
    AND c.schema = {{schema}}
WHERE core.is_wanted(tickers, b.ticker)
    AND b.year >= core.utc_year(core.scan_start(start_ts, bar_interval, tz, lookback, labels_from, {{days}}))
    AND b.year <= core.utc_year(core.scan_end(start_ts, end_ts, bar_interval, tz, labels_to))
    AND b.ts_event >= core.scan_start(start_ts, bar_interval, tz, lookback, labels_from, {{days}})
    AND b.ts_event < core.scan_end(start_ts, end_ts, bar_interval, tz, labels_to)
