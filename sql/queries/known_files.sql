-- Every live data file, by series in time order; µs bounds, the last one included.
SELECT
    ticker,
    source,
    schema,
    path,
    epoch_us(ts_min) AS min_us,
    epoch_us(ts_max) AS max_us,
    row_count
FROM core.files
ORDER BY ticker, source, schema, ts_min
