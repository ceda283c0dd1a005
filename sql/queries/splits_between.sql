-- The known splits of some tickers between two dates, both included; NULL: no bound.
SELECT
    ticker,
    execution_date,
    split_from,
    split_to
FROM splits
WHERE list_contains($tickers, ticker)
    AND coalesce(execution_date >= $first_date, true)
    AND coalesce(execution_date <= $last_date, true)
ORDER BY ticker, execution_date
