-- Keep the rows of a relation as a table of the current database.
CREATE TABLE core.{{table}} AS
SELECT *
FROM {{source}}
