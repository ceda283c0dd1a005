-- Replay log entries and look up files during a commit.

-- name: insert_rows
-- Put the rows of the relation `incoming` into a metadata table; text is cast to the column's type on the way in.
INSERT INTO core.{{table}} BY NAME
SELECT *
FROM incoming

-- name: delete_rows
-- Delete the rows of a metadata table whose key stands in the relation `incoming`, whose values may be text.
CREATE OR REPLACE TEMPORARY TABLE incoming_rows AS
SELECT *
FROM core.{{table}}
LIMIT 0;

INSERT INTO incoming_rows BY NAME
SELECT *
FROM incoming;

DELETE FROM core.{{table}}
WHERE ({{keys}}) IN (SELECT ({{keys}}) FROM incoming_rows);

-- name: count_files
-- What a commit checks after reopening the file: live files, their rows, views.
SELECT
    count(*) AS files,
    coalesce(sum(row_count), 0)::BIGINT AS rows,
    (SELECT count(*) FROM duckdb_views() WHERE NOT internal AND database_name = current_database()) AS views
FROM core.files

-- name: active_files
-- The live data files of some tickers ($tickers; NULL: of all), in time order; instants in µs since the epoch.
SELECT
    file_id,
    path,
    schema,
    source,
    ticker,
    year,
    row_count,
    byte_size,
    epoch_us(ts_min) AS ts_min_us,
    epoch_us(ts_max) AS ts_max_us,
    day_tz,
    content_id,
    epoch_us(written_at) AS written_at_us
FROM core.files
WHERE $tickers IS NULL OR list_contains($tickers, ticker)
ORDER BY ts_min, file_id

-- name: active_file
-- A data file by its path in the store ($path), if this generation is made of it.
SELECT path
FROM core.files
WHERE path = $path

-- name: expired_files
-- Retired data files whose grace period has passed ($before): they may be deleted.
SELECT
    file_id,
    path
FROM core.retired_files
WHERE retired_at < $before
ORDER BY path

-- name: all_paths
-- Every file that the store knows: live, retired, and those under meta/.
SELECT path FROM core.files
UNION ALL
SELECT path FROM core.retired_files
UNION ALL
SELECT path FROM core.meta_files

-- name: last_used
-- When whose bars were last used, as far as it is folded in.
SELECT ticker, year, used_at FROM core.uses

-- name: current_commit
-- Which commit the current database shows.
SELECT
    store_id,
    generation,
    epoch_us(committed_at) AS committed_at_us
FROM core.store_info

-- name: rows_as_json
-- The rows of a metadata table of the current database as JSON objects, in the order in which they were put.
SELECT to_json(stored)
FROM core.{{table}} AS stored
ORDER BY rowid

-- name: coverage_ledger
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

-- name: clear_coverage_ledger
-- Empty the coverage ledger, to be written anew with ranges cut out.
DELETE FROM core.coverage_ledger
