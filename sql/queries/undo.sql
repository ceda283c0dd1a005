-- Take back what a run brought.

-- name: runs
-- Every run that wrote bars, the newest first; runs that a kill ended have no status.
SELECT
    ledger.run_id,
    runs.kind,
    runs.status
FROM (
    SELECT
        run_id,
        max(generation) AS generation
    FROM (
        SELECT run_id, generation FROM core.coverage_ledger
        UNION ALL
        SELECT run_id, generation FROM core.inputs
    )
    WHERE run_id IS NOT NULL
    GROUP BY run_id
) AS ledger
LEFT JOIN core.ingest_runs AS runs USING (run_id)
ORDER BY ledger.generation DESC

-- name: snapshots_of_run
-- The snapshots that a run ($run_id) made, the oldest first, and when.
SELECT
    generation,
    min(written_at) AS written_at
FROM (
    SELECT generation, fetched_at AS written_at FROM core.coverage_ledger WHERE run_id = $run_id
    UNION ALL
    SELECT generation, ingested_at FROM core.inputs WHERE run_id = $run_id
)
GROUP BY generation
ORDER BY generation

-- name: coverage_since
-- The ranges that runs since a snapshot ($snapshot) covered or wrote, one row per run and series; instants in µs since
-- the epoch. An input that covers nothing still has the range of its bars.
SELECT
    run_id,
    source,
    schema,
    unnest(tickers) AS ticker,
    [epoch_us(covered.start_ts) FOR covered IN ranges] AS starts_us,
    [epoch_us(covered.end_ts) FOR covered IN ranges] AS ends_us
FROM core.coverage_ledger
WHERE generation >= $snapshot
  AND result <> 'failed'
UNION ALL
SELECT
    run_id,
    source,
    schema,
    unnest(tickers) AS ticker,
    [epoch_us(start_ts)] AS starts_us,
    [epoch_us(end_ts)] AS ends_us
FROM core.inputs
WHERE generation >= $snapshot
  AND start_ts < end_ts

-- name: retired_by
-- The data files that some commits ($snapshots) retired, as far as they are not deleted.
SELECT
    file_id,
    path,
    retired_at
FROM core.retired_files
WHERE list_contains($snapshots, generation)
ORDER BY path

-- name: files_since
-- The active data files that were written since an instant ($written_at). A restored file has a later snapshot's number
-- than its content.
SELECT path
FROM core.files
WHERE written_at >= $written_at

-- name: inputs_of_run
-- The keys of the inputs that a run ($run_id) ingested.
SELECT input_key
FROM core.inputs
WHERE run_id = $run_id

-- name: run
-- The row of a run ($run_id).
SELECT * FROM core.ingest_runs WHERE run_id = $run_id
