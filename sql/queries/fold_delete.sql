-- Delete the rows of a metadata table whose key stands in the relation `incoming`.
DELETE FROM core.{{table}}
WHERE ({{keys}}) IN (SELECT ({{keys}}) FROM incoming)
