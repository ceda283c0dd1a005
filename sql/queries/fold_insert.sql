-- Put the rows of the relation `incoming` into a metadata table; instants arrive as ISO text and are cast on the way in.
INSERT INTO core.{{table}} BY NAME
SELECT *
FROM incoming
