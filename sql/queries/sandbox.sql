-- Check and confine a statement that a user wrote.

-- name: lock_down
-- Allow only files in these folders, and lock these settings. DuckDB still allows writing to the folders, so
-- mtstore/query/sandbox/statement_check.py checks each statement before it runs.
SET allowed_directories = {{folders}};

SET autoinstall_known_extensions = FALSE;

SET autoload_known_extensions = FALSE;

SET enable_external_access = FALSE;

SET lock_configuration = TRUE;

-- name: parse_tree
-- Parse a statement with DuckDB: a JSON object with `statements`, or with `error` and its message.
SELECT json_serialize_sql($statement::VARCHAR) AS tree;

-- name: system_table_functions
-- DuckDB's own table functions, one row per name.
SELECT DISTINCT lower(function_name) AS function_name
FROM duckdb_functions()
WHERE function_type IN ('table', 'pragma');
