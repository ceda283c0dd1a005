-- The table functions that DuckDB itself brings; one row per name.
SELECT DISTINCT lower(function_name) AS function_name
FROM duckdb_functions()
WHERE function_type IN ('table', 'pragma');
