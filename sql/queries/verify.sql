-- Compare the database with the files and with the log.

-- name: count_differences
-- How many rows of one table are not in another, and the reverse; each row counts as often as it occurs.
SELECT
    (SELECT count(*) FROM (FROM {{expected}} EXCEPT ALL FROM {{found}})) AS missing,
    (SELECT count(*) FROM (FROM {{found}} EXCEPT ALL FROM {{expected}})) AS unexpected

-- name: core_table_names
-- The tables of core in the current database.
SELECT table_name
FROM duckdb_tables()
WHERE schema_name = 'core'
    AND database_name = current_database()
ORDER BY table_name

-- name: read_whole_table
-- Read every value of a table, so that the checksums of all its blocks are checked.
SELECT
    count(*) AS row_count,
    bit_xor(hash(row_of_table)) AS digest
FROM {{table}} AS row_of_table
