-- Put the rows of the relation `incoming` into a metadata table; text is cast to the column's type on the way in.
INSERT INTO core.{{table}} BY NAME
SELECT *
FROM incoming
