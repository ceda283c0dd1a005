-- Open a snapshot's database; read and write what it says of itself.

-- name: attach_only
-- Attach a generation for reading, under a name of its own.
ATTACH {{path}} AS {{alias}} (READ_ONLY)

-- name: attach_read_only
-- Attach a generation for reading and make it the current database: macros and views need USE to resolve.
ATTACH {{path}} AS {{alias}} (READ_ONLY);

USE {{alias}};

-- name: attach_read_write
-- Attach a new generation under construction, in the storage version that every client opens.
ATTACH {{path}} AS {{alias}} (STORAGE_VERSION 'v1.0.0');

USE {{alias}};

-- name: checkpoint_and_detach
-- Everything into the file, then let go of it: DETACH alone may leave changes in the write-ahead log.
CHECKPOINT {{alias}};

USE memory;

DETACH {{alias}};

-- name: detach
-- Let go of a generation that nobody reads any more.
DETACH {{alias}}

-- name: use_database
-- Make a generation the current database: macros and views need USE to resolve.
USE {{alias}}

-- name: current_database
-- The database that names resolve in.
SELECT current_database()

-- name: database_identity
-- Which database answers: its name in this process, the store, the generation that it shows, and its folder.
--
-- The time of the commit tells a generation from one of the same number before the store was put back from a copy.
SELECT
    current_database(),
    store_id,
    generation,
    epoch_us(committed_at),
    root
FROM core.store_info

-- name: set_root
-- Where the views of a copy with rewritten paths find their files just now, while they are made.
SET VARIABLE mtstore_root = {{root}}

-- name: set_store_info
-- The one row that says which store and which commit this is.
DELETE FROM core.store_info;

INSERT INTO core.store_info
VALUES ($format_version, $store_id, $root, $generation, $committed_at);

-- name: store_info
-- The one row that says which store and which commit this is.
SELECT
    format_version,
    store_id,
    root,
    generation,
    committed_at
FROM core.store_info

-- name: status
-- What is stored, one row per series.
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
-- What the store was told of, one row per series and result: how many ranges, from when to when.
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
-- Keep the rows of a relation as a table of the current database.
CREATE TABLE core.{{table}} AS
SELECT *
FROM {{source}}

-- name: set_session_options
-- Every instance of ours works in UTC (nothing that is published depends on it) and draws no bars of its own.
SET GLOBAL TimeZone = 'UTC';

SET enable_progress_bar = FALSE;
