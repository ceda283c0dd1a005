-- The coverage ledger, the oldest answer first; instants in µs since the epoch.
SELECT
    source,
    schema,
    tickers,
    [epoch_us(covered.start_ts) FOR covered IN ranges] AS starts_us,
    [epoch_us(covered.end_ts) FOR covered IN ranges] AS ends_us,
    result,
    reason,
    request_key,
    run_id,
    epoch_us(fetched_at) AS fetched_at_us,
    epoch_us(fresh_until) AS fresh_until_us,
    generation
FROM core.coverage_ledger
ORDER BY generation, rowid
