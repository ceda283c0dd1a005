-- ingest_runs: every run that wrote to the store, or tried to.
--
-- Grain: one row per run.
-- Inputs: core.ingest_runs.
-- NULLs: finished_at while it runs; error where there was none.
-- Columns:
--   run_id: Name of the run
--   kind: Kind of run: ingest, fetch, undo and so on
--   started_at: When it began
--   finished_at: When it ended
--   status: running, complete, incomplete, failed or undone
--   tickers: Number of tickers that it touched
--   files: Number of files that it wrote
--   rows: Number of bars (or splits and dividends) that it took
--   quarantined_rows: Number of rows that it rejected
--   error: Error message
--   arguments: How it was called, a JSON object
-- Example: FROM ingest_runs ORDER BY started_at DESC LIMIT 10;

CREATE OR REPLACE VIEW ingest_runs AS
SELECT
    run_id::VARCHAR AS run_id,
    kind::VARCHAR AS kind,
    started_at::TIMESTAMPTZ AS started_at,
    finished_at::TIMESTAMPTZ AS finished_at,
    status::VARCHAR AS status,
    tickers::BIGINT AS tickers,
    files::BIGINT AS files,
    rows::BIGINT AS rows,
    quarantined_rows::BIGINT AS quarantined_rows,
    error::VARCHAR AS error,
    arguments::VARCHAR AS arguments
FROM core.ingest_runs;
