-- The rows of a metadata table of the current database as JSON objects, in the order in which they were put.
SELECT to_json(stored)
FROM core.{{table}} AS stored
ORDER BY rowid
