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
