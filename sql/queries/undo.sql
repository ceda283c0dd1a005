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
-- The snapshots that a run ($run_id) made, the oldest first.
SELECT generation FROM core.coverage_ledger WHERE run_id = $run_id
UNION
SELECT generation FROM core.inputs WHERE run_id = $run_id
ORDER BY generation

-- name: coverage_since
-- The ranges that runs since a snapshot ($snapshot) covered, one row per series; instants in µs since the epoch.
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
-- The active data files that commits since a snapshot ($snapshot) added.
SELECT path
FROM core.files
WHERE generation >= $snapshot

-- name: inputs_of_run
-- The keys of the inputs that a run ($run_id) ingested.
SELECT input_key
FROM core.inputs
WHERE run_id = $run_id

-- name: run
-- The row of a run ($run_id).
SELECT * FROM core.ingest_runs WHERE run_id = $run_id
