-- What is stored, one row per series.
SELECT
    series.ticker,
    series.source,
    series.schema,
    series.row_count AS bars,
    series.file_count AS files,
    series.byte_size AS bytes,
    series.first_ts,
    series.last_ts,
    listed.calendar
FROM core.series AS series
LEFT JOIN core.ticker_list AS listed USING (ticker)
ORDER BY series.ticker, series.source, series.schema
