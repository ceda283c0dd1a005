-- Every known split.
SELECT
    ticker,
    execution_date,
    split_from,
    split_to
FROM splits
ORDER BY ticker, execution_date
