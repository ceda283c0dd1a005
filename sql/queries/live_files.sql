-- The live data files of some tickers ($tickers; NULL: of all), in time order; instants in µs since the epoch.
SELECT
    file_id,
    path,
    schema,
    source,
    ticker,
    year,
    row_count,
    byte_size,
    epoch_us(ts_min) AS ts_min_us,
    epoch_us(ts_max) AS ts_max_us,
    day_tz,
    content_id,
    epoch_us(written_at) AS written_at_us
FROM core.files
WHERE $tickers IS NULL OR list_contains($tickers, ticker)
ORDER BY ts_min, file_id
