-- The tickers of some calendars ($calendars), stored or configured.
SELECT ticker
FROM core.ticker_list
WHERE list_contains($calendars, calendar)
ORDER BY ticker
