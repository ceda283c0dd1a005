-- How many rows of one table are not in another, and the reverse; each row counts as often as it occurs.
SELECT
    (SELECT count(*) FROM (FROM {{expected}} EXCEPT ALL FROM {{found}})) AS missing,
    (SELECT count(*) FROM (FROM {{found}} EXCEPT ALL FROM {{expected}})) AS unexpected
