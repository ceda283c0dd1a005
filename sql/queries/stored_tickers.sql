-- The tickers that have bars.
SELECT DISTINCT ticker
FROM core.series
ORDER BY ticker
