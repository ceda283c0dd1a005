-- Tickers that are stored or described but have no calendar of their own choice: ticker, provider, dataset.
-- The source that decides is the configured one, else the one with the most bars.
SELECT
    tickers.ticker,
    arg_max(sources.provider, (coalesce(sources.source = settings.data_source, FALSE), coalesce(series.row_count, 0))) AS provider,
    arg_max(sources.dataset, (coalesce(sources.source = settings.data_source, FALSE), coalesce(series.row_count, 0))) AS dataset
FROM (
    SELECT ticker FROM core.series
    UNION
    SELECT ticker FROM core.ticker_settings
) AS tickers
LEFT JOIN core.ticker_settings AS settings USING (ticker)
LEFT JOIN core.series USING (ticker)
LEFT JOIN core.sources ON sources.source = coalesce(series.source, settings.data_source)
WHERE settings.calendar IS NULL
GROUP BY tickers.ticker
ORDER BY tickers.ticker
