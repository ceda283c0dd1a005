-- The tables of core in the current database.
SELECT table_name
FROM duckdb_tables()
WHERE schema_name = 'core'
    AND database_name = current_database()
ORDER BY table_name
