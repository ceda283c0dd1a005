-- ticker_settings: what was configured or said of some tickers ($tickers), to be changed and put back.
SELECT * EXCLUDE (updated_at)
FROM core.ticker_settings
WHERE list_contains($tickers, ticker)
ORDER BY ticker;
