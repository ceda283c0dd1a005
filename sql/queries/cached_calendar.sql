-- The calendar of one ticker ($ticker), if the store knows it.
SELECT calendar FROM core.ticker_list WHERE ticker = $ticker
