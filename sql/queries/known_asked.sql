-- What was asked for and answered (complete, empty or partial), of every series: µs bounds.
SELECT
    ticker,
    source,
    schema,
    epoch_us(start_ts) AS start_us,
    epoch_us(end_ts) AS end_us
FROM core.coverage
WHERE result IN ('complete', 'empty', 'partial')
