SELECT
    ticker,
    source,
    schema,
    year,
    ts_event,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    transactions
FROM core.{{view}}
