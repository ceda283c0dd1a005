-- Check and confine a statement that a user wrote.

-- name: lock_down
-- Nothing but the files in these folders can be opened from here on, and none of this can be changed again.
-- DuckDB still lets them be written to: what a statement may do is decided before it runs (mtstore/query/gate.py).
SET allowed_directories = {{folders}};

SET autoinstall_known_extensions = FALSE;

SET autoload_known_extensions = FALSE;

SET enable_external_access = FALSE;

SET lock_configuration = TRUE;

-- name: parse_tree
-- A statement as DuckDB's own parser reads it: a JSON object with `statements`, or with `error` and its message.
SELECT json_serialize_sql($statement::VARCHAR) AS tree;

-- name: system_table_functions
-- The table functions that DuckDB itself brings; one row per name.
SELECT DISTINCT lower(function_name) AS function_name
FROM duckdb_functions()
WHERE function_type IN ('table', 'pragma');
