-- What the coverage ledger says about some tickers ($tickers) of one source and schema, the oldest answer first; instants
-- in µs since the epoch. An answer of a network run (which a killed run leaves without a row of its own) has the digest
-- of its request; that of a file has none.
SELECT
    spoken.ticker,
    spoken.starts_us,
    spoken.ends_us,
    spoken.result,
    spoken.reason,
    CASE WHEN coalesce(runs.kind, 'fetch') = 'fetch' THEN spoken.request_key END AS request_key,
    spoken.fetched_at_us,
    spoken.fresh_until_us
FROM (
    SELECT
        unnest(list_intersect(tickers, $tickers)) AS ticker,
        [epoch_us(covered.start_ts) FOR covered IN ranges] AS starts_us,
        [epoch_us(covered.end_ts) FOR covered IN ranges] AS ends_us,
        result,
        reason,
        request_key,
        run_id,
        epoch_us(fetched_at) AS fetched_at_us,
        epoch_us(fresh_until) AS fresh_until_us,
        generation,
        rowid AS place
    FROM core.coverage_ledger
    WHERE source = $source
      AND schema = $schema
) AS spoken
LEFT JOIN core.ingest_runs AS runs USING (run_id)
ORDER BY spoken.generation, spoken.place
