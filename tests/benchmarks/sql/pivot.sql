PIVOT (
    SELECT
        ticker,
        ts_event,
        open,
        high,
        low,
        close,
        volume
    FROM read_parquet(getvariable('files'), hive_partitioning = true)
    WHERE ts_event >= getvariable('first_ts') AND ts_event < getvariable('last_ts')
)
ON ticker
USING
    max(open) AS open,
    max(high) AS high,
    max(low) AS low,
    max(close) AS close,
    max(volume) AS volume
GROUP BY ts_event
ORDER BY ts_event;
