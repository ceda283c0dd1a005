-- A data file by its path in the store ($path), if this generation is made of it.
SELECT path
FROM core.files
WHERE path = $path
