-- Open a snapshot's database; read and write what it says of itself.

-- name: attach
-- Attach a snapshot for reading.
ATTACH {{path}} AS {{alias}} (READ_ONLY)

-- name: attach_new
-- Attach a new snapshot's database for writing, in the storage version that every client opens.
ATTACH {{path}} AS {{alias}} (STORAGE_VERSION 'v1.0.0')

-- name: checkpoint_and_detach
-- Checkpoint and detach: DETACH alone may leave changes in the write-ahead log.
CHECKPOINT {{alias}};

USE memory;

DETACH {{alias}};

-- name: detach
-- Detach a snapshot without readers.
DETACH {{alias}}

-- name: use_database
-- Make a snapshot the current database: macros and views need USE to resolve.
USE {{alias}}

-- name: current_database
-- The current database, in which names resolve.
SELECT current_database()

-- name: database_identity
-- The current database's name in this process, its store, snapshot and folder.
--
-- The time of the commit differs between two snapshots of the same number, before and after a store was restored.
SELECT
    current_database(),
    store_id,
    generation,
    epoch_us(committed_at),
    root
FROM core.store_info

-- name: set_root
-- Set the folder in which the views of a copy find their files while they are created.
SET VARIABLE mtstore_root = {{root}}

-- name: set_store_info
-- Write the one row that names the store and the commit.
DELETE FROM core.store_info;

INSERT INTO core.store_info
VALUES ($format_version, $store_id, $root, $generation, $committed_at);

-- name: store_info
-- The one row that names the store and the commit.
SELECT
    format_version,
    store_id,
    root,
    generation,
    epoch_us(committed_at) AS committed_at_us
FROM core.store_info

-- name: status
-- The stored series, one row each.
SELECT
    series.ticker,
    series.source,
    series.schema,
    series.row_count AS bars,
    series.file_count AS files,
    series.byte_size AS bytes,
    series.first_ts,
    series.last_ts,
    listed.calendar
FROM core.series AS series
LEFT JOIN core.ticker_list AS listed USING (ticker)
ORDER BY series.ticker, series.source, series.schema

-- name: coverage_summary
-- The covered ranges, one row per series and result: their number, first start and last end.
SELECT
    ticker,
    source,
    schema,
    result,
    count(*) AS ranges,
    min(start_ts) AS first_covered,
    max(end_ts) AS last_covered
FROM coverage
GROUP BY ALL
ORDER BY ALL;

-- name: create_table
-- Create a table of core from the rows of a relation.
CREATE TABLE core.{{table}} AS
SELECT *
FROM {{source}}

-- name: set_session_options
-- Work in UTC, on which no published object depends.
SET GLOBAL TimeZone = 'UTC';

-- name: has_progress_bar
-- Whether DuckDB shows a progress bar, as it does by itself in a notebook.
SELECT current_setting('enable_progress_bar')

-- name: hide_progress_bar
-- Work without DuckDB's progress bar. A notebook kernel without ipywidgets rejects even this.
SET enable_progress_bar = FALSE;
