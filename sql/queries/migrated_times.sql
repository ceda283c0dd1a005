-- The times (µs since the epoch) of one ticker's bars ($ticker, $schema, $source), stored and quarantined.
SELECT epoch_us(ts_event) AS ts_us, false AS is_quarantined
FROM core.bars
WHERE ticker = $ticker
    AND schema = $schema
    AND source = $source
UNION ALL
SELECT epoch_us(ts_event), true
FROM core.quarantine
WHERE ticker = $ticker
    AND schema = $schema
    AND source = $source
    AND ts_event IS NOT NULL
