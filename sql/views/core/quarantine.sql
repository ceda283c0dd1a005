-- core.quarantine: rejected rows as they came, with the reason.
--
-- Grain: one row per rejected row.
-- Inputs: the parquet files of the store's quarantine, without the rows of undone runs.
-- NULLs: as the input had them.
-- Columns:
{{quarantine_columns}}
-- Example: FROM core.quarantine WHERE ticker = 'AAPL';

CREATE OR REPLACE VIEW core.quarantine AS
SELECT
    ticker::VARCHAR AS ticker,
    source::VARCHAR AS source,
    schema::VARCHAR AS schema,
    ts_event::TIMESTAMPTZ AS ts_event,
    open::DOUBLE AS open,
    high::DOUBLE AS high,
    low::DOUBLE AS low,
    close::DOUBLE AS close,
    volume::DOUBLE AS volume,
    vwap::DOUBLE AS vwap,
    transactions::BIGINT AS transactions,
    reason::VARCHAR AS reason,
    origin::VARCHAR AS origin,
    run_id::VARCHAR AS run_id,
    seen_at::TIMESTAMPTZ AS seen_at
FROM {{quarantine_files}}
WHERE coalesce(run_id, '') NOT IN (SELECT run_id FROM core.ingest_runs WHERE status = 'undone');
