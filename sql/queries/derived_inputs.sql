-- What an answer, and what is said of its gaps and outliers, depends on besides the call's own words: one row per series,
-- active range, file, session time line, calendar, split and dividend.
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
SELECT 'calendar', concat_ws('|', calendar, bit_xor(hash(sessions))::VARCHAR)
FROM core.sessions AS sessions
WHERE calendar IN (SELECT calendar FROM chosen)
GROUP BY calendar
UNION ALL
SELECT 'active', concat_ws('|', ticker, active_from, '-', active_to)
FROM core.ticker_list
WHERE ticker IN (SELECT ticker FROM chosen) AND (active_from IS NOT NULL OR active_to IS NOT NULL)
UNION ALL
SELECT 'split', concat_ws('|', ticker, execution_date, split_from, split_to)
FROM core.latest_splits
WHERE ticker IN (SELECT ticker FROM chosen)
UNION ALL
SELECT 'dividend', concat_ws('|', ticker, ex_dividend_date, cash_amount)
FROM core.latest_dividends
WHERE $adjust = 'all' AND ticker IN (SELECT ticker FROM chosen)
ORDER BY kind, item
