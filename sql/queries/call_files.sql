-- The data files of a call's series that meet [$first_us, $last_us), µs since the epoch; NULL: no bound.
SELECT
    files.path,
    files.byte_size
FROM core.files
INNER JOIN core.chosen_series(
    $tickers,
    $bar_interval,
    session := $session,
    anchor := $anchor,
    from_source := $from_source,
    from_schema := $from_schema
) AS chosen USING (ticker, source, schema)
WHERE coalesce(epoch_us(files.ts_max) >= $first_us, true)
    AND coalesce(epoch_us(files.ts_min) < $last_us, true)
ORDER BY files.path
