-- object_inputs: what the published views are made from: kind ('data', 'quarantine', 'revisions'), schema, path.
SELECT 'data' AS kind, schema, path FROM core.files
UNION ALL
SELECT kind, NULL, path FROM core.meta_files
ORDER BY kind, schema, path;
