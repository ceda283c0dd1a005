-- Read the settings and metadata of tickers.

-- name: ticker_metadata
-- Every configured or described ticker, and its metadata as JSON text or NULL.
SELECT ticker, metadata FROM core.ticker_settings ORDER BY ticker;

-- name: ticker_settings
-- The settings of some tickers ($tickers), to be changed and upserted.
SELECT * EXCLUDE (updated_at)
FROM core.ticker_settings
WHERE list_contains($tickers, ticker)
ORDER BY ticker;

-- name: named_tickers
-- Every ticker that is configured, stored, described or was requested.
SELECT ticker
FROM core.ticker_list
UNION
SELECT ticker
FROM core.coverage
ORDER BY ticker

-- name: pinned_tickers
-- The tickers whose bars are never evicted, in order of name.
SELECT ticker FROM core.pins ORDER BY ticker

-- name: stored_tickers
-- The tickers that have bars.
SELECT DISTINCT ticker
FROM core.series
ORDER BY ticker

-- name: ticker_info
-- The facts of one ticker ($ticker): one row, of NULLs if the store has none.
SELECT
    tickers.ticker,
    tickers.calendar,
    tickers.first_ts,
    tickers.last_ts,
    coalesce(tickers.row_count, 0)::BIGINT AS row_count,
    coalesce(tickers.byte_size, 0)::BIGINT AS byte_size,
    tickers.series
FROM (SELECT $ticker AS ticker) AS requested
LEFT JOIN tickers USING (ticker)
