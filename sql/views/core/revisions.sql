-- core.revisions: bars that a vendor changed or withdrew after they had been stored.
--
-- Grain: one row per bar and change.
-- Inputs: the parquet files of the store's revisions.
-- NULLs: the new values of a withdrawn bar.
-- Columns:
{{revision_columns}}
-- Example: FROM core.revisions WHERE ticker = 'AAPL' ORDER BY seen_at;

CREATE OR REPLACE VIEW core.revisions AS
SELECT
    ticker::VARCHAR AS ticker,
    source::VARCHAR AS source,
    schema::VARCHAR AS schema,
    ts_event::TIMESTAMPTZ AS ts_event,
    kind::VARCHAR AS kind,
    old_open::DOUBLE AS old_open,
    old_high::DOUBLE AS old_high,
    old_low::DOUBLE AS old_low,
    old_close::DOUBLE AS old_close,
    old_volume::DOUBLE AS old_volume,
    old_vwap::DOUBLE AS old_vwap,
    old_transactions::BIGINT AS old_transactions,
    new_open::DOUBLE AS new_open,
    new_high::DOUBLE AS new_high,
    new_low::DOUBLE AS new_low,
    new_close::DOUBLE AS new_close,
    new_volume::DOUBLE AS new_volume,
    new_vwap::DOUBLE AS new_vwap,
    new_transactions::BIGINT AS new_transactions,
    run_id::VARCHAR AS run_id,
    seen_at::TIMESTAMPTZ AS seen_at
FROM {{revision_files}}
WHERE coalesce(run_id, '') NOT IN (SELECT run_id FROM core.ingest_runs WHERE status = 'undone');
