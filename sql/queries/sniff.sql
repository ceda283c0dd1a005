-- Read what `mtstore sniff` stored in a store of its own, in a temporary folder.

-- name: first_bars
-- The first bars of one source, in the order of time.
SELECT
    ticker,
    schema,
    ts_event,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    transactions
FROM bars
WHERE source = $source
ORDER BY ts_event, ticker
LIMIT $count;

-- name: common_range
-- The opens of the first and the last bar in the time in which all of some tickers have bars of one width.
WITH series AS (
    SELECT
        ticker,
        min(ts_event) AS first_ts,
        max(ts_event) AS last_ts
    FROM bars
    WHERE ticker IN $tickers AND schema = $schema
    GROUP BY ticker
)
SELECT
    max(first_ts) AS first_ts,
    min(last_ts) AS last_ts
FROM series;
