-- What a commit checks after reopening the file: live files, their rows, views.
SELECT
    count(*) AS files,
    coalesce(sum(row_count), 0)::BIGINT AS rows,
    (SELECT count(*) FROM duckdb_views() WHERE NOT internal AND database_name = current_database()) AS views
FROM core.files
