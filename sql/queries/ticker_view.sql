-- How the store itself sees some tickers ($tickers): one row per ticker that it knows, with the sources of its bars.
SELECT
    listed.ticker,
    listed.calendar,
    listed.session_start,
    listed.session_end,
    listed.timezone,
    listed.data_source,
    listed.active_from,
    listed.active_to,
    coalesce(
        list(DISTINCT series.source) FILTER (WHERE series.source IS NOT NULL),
        []
    ) || coalesce(
        list(DISTINCT sources.provider) FILTER (WHERE sources.provider IS NOT NULL AND sources.provider <> series.source),
        []
    ) AS source_names,
    count(DISTINCT series.source) AS source_count
FROM core.ticker_list AS listed
LEFT JOIN core.series AS series USING (ticker)
LEFT JOIN core.sources AS sources USING (source)
WHERE list_contains($tickers, listed.ticker)
GROUP BY ALL
