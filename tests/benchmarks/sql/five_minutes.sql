SELECT
    ticker,
    time_bucket(INTERVAL 5 MINUTE, ts_event) AS ts_event,
    arg_min(open, ts_event) AS open,
    max(high) AS high,
    min(low) AS low,
    arg_max(close, ts_event) AS close,
    sum(volume) AS volume
FROM read_parquet(getvariable('files'), hive_partitioning = true) AS bars
WHERE bars.ts_event >= getvariable('first_ts') AND bars.ts_event < getvariable('last_ts')
GROUP BY ticker, time_bucket(INTERVAL 5 MINUTE, bars.ts_event);
