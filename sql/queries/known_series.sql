-- Every stored series: ticker, source, schema, width of a bar.
SELECT
    ticker,
    source,
    schema,
    step_us
FROM core.series
