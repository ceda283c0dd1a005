-- Create views and macros, and read what they are made from.

-- name: view_inputs
-- The files that the published views read: kind ('data', 'quarantine', 'revisions'), schema, path.
SELECT 'data' AS kind, schema, path FROM core.files
UNION ALL
SELECT kind, NULL, path FROM core.meta_files
ORDER BY kind, schema, path;

-- name: store_id
-- The id of the store and its folder, since a folder may be copied; no row in databases that are not of a store.
SELECT store_id || ' ' || root FROM core.store_info;

-- name: object_digests
-- The digest of each published object's text.
SELECT object, digest FROM core.object_digests;

-- name: object_definitions
-- Every view and macro of the current database, with its text and comment, and the comments of columns.
SELECT
    'view' AS kind,
    schema_name || '.' || view_name AS name,
    concat_ws('|', sql, comment) AS definition
FROM duckdb_views()
WHERE database_name = current_database()
    AND NOT internal
UNION ALL
SELECT
    function_type,
    schema_name || '.' || function_name,
    concat_ws('|', parameters::VARCHAR, macro_definition, comment)
FROM duckdb_functions()
WHERE database_name = current_database()
    AND NOT internal
UNION ALL
SELECT
    'column',
    schema_name || '.' || table_name || '.' || column_name,
    concat_ws('|', data_type, comment)
FROM duckdb_columns()
WHERE database_name = current_database()
    AND NOT internal
ORDER BY ALL

-- name: upsert_object_digests
-- Record the digests ($digests) of the texts of the objects $names.
INSERT OR REPLACE INTO core.object_digests (object, digest) SELECT unnest($names), unnest($digests);

-- name: delete_object_digests
-- Delete the digests of the objects $names.
DELETE FROM core.object_digests WHERE list_contains($names, object);

-- name: drop_macro
-- Drop an object that is no longer published.
DROP MACRO IF EXISTS {{object}};

-- name: comment_on
-- Comment on a view, table macro, scalar macro or column.
COMMENT ON {{kind}} {{object}} IS {{text}};

-- name: applied_settings
-- The configuration's published defaults: key, value as JSON text.
SELECT key, value FROM core.settings ORDER BY key;

-- name: applied_universe
-- The configured universe, in its order.
SELECT ticker FROM core.ticker_list WHERE universe_position IS NOT NULL ORDER BY universe_position, ticker;
