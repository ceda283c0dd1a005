-- unknown_files: files under data/ and meta/ that no generation's metadata know.
--
-- Grain: one row per offending file; none = pass. Inputs: found_files (files found on disk).
-- Columns: path, problem, advice.
SELECT
    path,
    'is not known to the store: no commit added it' AS problem,
    '`mtstore repair` sets it aside; if it should be in, ingest it' AS advice
FROM found_files
WHERE kind = 'unknown'
ORDER BY path
