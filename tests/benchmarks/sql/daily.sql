PIVOT (
    SELECT
        ticker,
        timezone('America/New_York', timezone('America/New_York', bars.ts_event)::DATE::TIMESTAMP) AS ts_event,
        arg_min(open, bars.ts_event) AS open,
        max(high) AS high,
        min(low) AS low,
        arg_max(close, bars.ts_event) AS close,
        sum(volume) AS volume
    FROM read_parquet(getvariable('files'), hive_partitioning = true) AS bars
    WHERE bars.ts_event >= getvariable('first_ts') AND bars.ts_event < getvariable('last_ts')
    GROUP BY ticker, timezone('America/New_York', bars.ts_event)::DATE
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
