-- Replay log entries and look up files during a commit.

-- name: insert_rows
-- Insert the rows of the relation `incoming` into a metadata table; text is cast to the column's type.
INSERT INTO core.{{table}} BY NAME
SELECT *
FROM incoming

-- name: delete_rows
-- Delete the rows of a metadata table with a key in the relation `incoming`, where values may be text.
CREATE OR REPLACE TEMPORARY TABLE incoming_rows AS
SELECT *
FROM core.{{table}}
LIMIT 0;

INSERT INTO incoming_rows BY NAME
SELECT *
FROM incoming;

DELETE FROM core.{{table}}
WHERE ({{keys}}) IN (SELECT ({{keys}}) FROM incoming_rows);

-- name: put_events
-- Insert the splits or dividends of the relation `incoming`, in place of reports of the same events.
--
-- The source's id names an event; without one, all of its values ({{values}}) do. A report without an id is of the same
-- event as one with an id that has its date and amount ({{amounts}}).
CREATE OR REPLACE TEMPORARY TABLE incoming_rows AS
SELECT *
FROM core.{{table}}
LIMIT 0;

INSERT INTO incoming_rows BY NAME
SELECT *
FROM incoming;

DELETE FROM core.{{table}}
WHERE (source, ticker, event_id) IN (
        SELECT (source, ticker, event_id) FROM incoming_rows WHERE event_id IS NOT NULL
    )
    OR event_id IS NULL AND (
        (source, ticker, {{values}}) IN (SELECT (source, ticker, {{values}}) FROM incoming_rows)
        OR (source, ticker, {{amounts}}) IN (
            SELECT (source, ticker, {{amounts}}) FROM incoming_rows WHERE event_id IS NOT NULL
        )
    );

INSERT INTO core.{{table}} BY NAME
SELECT *
FROM incoming_rows
WHERE event_id IS NOT NULL
    OR (source, ticker, {{amounts}}) NOT IN (
        SELECT (source, ticker, {{amounts}}) FROM core.{{table}} WHERE event_id IS NOT NULL
        UNION ALL
        SELECT (source, ticker, {{amounts}}) FROM incoming_rows WHERE event_id IS NOT NULL
    )

-- name: count_files
-- What a commit checks after reopening the file: active files, their rows, views.
SELECT
    count(*) AS files,
    coalesce(sum(row_count), 0)::BIGINT AS rows,
    (SELECT count(*) FROM duckdb_views() WHERE NOT internal AND database_name = current_database()) AS views
FROM core.files

-- name: active_files
-- The active data files of some tickers ($tickers; NULL: of all), in time order; instants in µs since the epoch.
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
-- A data file by its path in the store ($path), if it is active.
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

-- name: all_files
-- Every recorded file by path, and its kind: data, retired, quarantine or revisions.
SELECT path, 'data' AS kind FROM core.files
UNION ALL
SELECT path, 'retired' FROM core.retired_files
UNION ALL
SELECT path, kind FROM core.meta_files
ORDER BY path

-- name: last_used
-- The last use of each ticker and year, as far as it is recorded.
SELECT ticker, year, used_at FROM core.uses

-- name: rows_as_json
-- The rows of a metadata table as JSON objects, in the order in which they were inserted.
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
-- Empty the coverage ledger before it is rewritten without some ranges.
DELETE FROM core.coverage_ledger
