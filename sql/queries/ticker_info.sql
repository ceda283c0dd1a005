-- What is known of one ticker ($ticker): one row, and one of NULLs if nothing is.
SELECT
    tickers.ticker,
    tickers.calendar,
    tickers.first_ts,
    tickers.last_ts,
    coalesce(tickers.row_count, 0)::BIGINT AS row_count,
    coalesce(tickers.byte_size, 0)::BIGINT AS byte_size,
    tickers.series
FROM (SELECT $ticker AS ticker) AS asked
LEFT JOIN tickers USING (ticker)
