-- What was asked for and answered (complete, empty or partial), of some tickers ($tickers): µs bounds.
SELECT
    ticker,
    source,
    schema,
    epoch_us(start_ts) AS start_us,
    epoch_us(end_ts) AS end_us
FROM core.coverage
WHERE list_contains($tickers, ticker)
    AND result IN ('complete', 'empty', 'partial')
