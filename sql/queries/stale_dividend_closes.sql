-- stale_dividend_closes: tickers whose dividends or files differ from those that their closes were looked up with.
WITH file_digests AS (
    SELECT ticker, md5(string_agg(file_id, ',' ORDER BY file_id)) AS files
    FROM core.files
    GROUP BY ticker
),
dividend_digests AS (
    SELECT ticker, md5(string_agg(ex_dividend_date::VARCHAR, ',' ORDER BY ex_dividend_date)) AS dividends
    FROM core.latest_dividends
    GROUP BY ticker
)
SELECT d.ticker, md5(d.dividends || coalesce(f.files, '')) AS digest
FROM dividend_digests AS d
LEFT JOIN file_digests AS f USING (ticker)
WHERE md5(d.dividends || coalesce(f.files, '')) NOT IN (SELECT o.digest FROM core.object_digests AS o)
ORDER BY d.ticker;
