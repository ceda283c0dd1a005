-- What is stored of one ticker, or was asked for ($ticker): one row per source and schema, the finest bars first.
SELECT
    ledger.source,
    ledger.schema,
    max(ledger.provider) AS provider,
    max(series.day_tz) AS day_tz
FROM (
    SELECT source, schema, NULL::VARCHAR AS provider
    FROM core.coverage_ledger
    WHERE list_contains(tickers, $ticker)
    UNION
    SELECT series.source, series.schema, sources.provider
    FROM core.series AS series
    LEFT JOIN core.sources AS sources USING (source)
    WHERE series.ticker = $ticker
) AS ledger
LEFT JOIN core.series AS series
    ON series.ticker = $ticker
    AND series.source = ledger.source
    AND series.schema = ledger.schema
GROUP BY ledger.source, ledger.schema
ORDER BY max(series.step_us) NULLS LAST, ledger.schema, ledger.source
