-- Delete the rows of a metadata table whose key stands in the relation `incoming`, whose values may be text.
CREATE OR REPLACE TEMPORARY TABLE incoming_rows AS
SELECT *
FROM core.{{table}}
LIMIT 0;

INSERT INTO incoming_rows BY NAME
SELECT *
FROM incoming;

DELETE FROM core.{{table}}
WHERE ({{keys}}) IN (SELECT ({{keys}}) FROM incoming_rows);
