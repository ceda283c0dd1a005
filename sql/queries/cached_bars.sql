-- The stored bars of one series ($ticker, $source) between two instants ($start_us, $end_us), as they are.
SELECT
    ts_event,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    transactions
FROM core.{{view}}
WHERE ticker = $ticker
    AND source = $source
    AND year >= year(timezone('UTC', make_timestamptz($start_us)))
    AND year <= year(timezone('UTC', make_timestamptz($end_us)))
    AND ts_event >= make_timestamptz($start_us)
    AND ts_event < make_timestamptz($end_us)
ORDER BY ts_event
