-- What the answer to a call depends on besides its own words: one row per series, file, session time line and event.
--
-- $first_us and $last_us bound the files (µs since the epoch, NULL: no bound). Digests are compared, never shown.
WITH chosen AS (
    FROM core.chosen_series(
        $tickers,
        $bar_interval,
        session := $session,
        anchor := $anchor,
        from_source := $from_source,
        from_schema := $from_schema
    )
)
SELECT 'series' AS kind, concat_ws('|', ticker, calendar, session_key, source, schema, day_tz, anchoring) AS item
FROM chosen
UNION ALL
SELECT 'file', files.content_id
FROM core.files
INNER JOIN chosen USING (ticker, source, schema)
WHERE coalesce(epoch_us(files.ts_max) >= $first_us, true)
    AND coalesce(epoch_us(files.ts_min) < $last_us, true)
UNION ALL
SELECT 'sessions', concat_ws('|', session_key, bit_xor(hash(days))::VARCHAR)
FROM core.session_days AS days
WHERE session_key IN (SELECT session_key FROM chosen)
GROUP BY session_key
UNION ALL
SELECT 'split', concat_ws('|', ticker, execution_date, split_from, split_to)
FROM core.latest_splits
WHERE $adjust <> 'none' AND ticker IN (SELECT ticker FROM chosen)
UNION ALL
SELECT 'dividend', concat_ws('|', ticker, ex_dividend_date, cash_amount)
FROM core.latest_dividends
WHERE $adjust = 'all' AND ticker IN (SELECT ticker FROM chosen)
ORDER BY kind, item
