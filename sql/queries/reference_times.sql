-- When splits and dividends of tickers were last fetched from a source ($source), in µs since the epoch.
SELECT
    input_key,
    epoch_us(ingested_at) AS fetched_at_us
FROM core.inputs
WHERE source = $source
  AND schema = 'reference'
