-- damaged_files: files that cannot be read or do not match their checksum.
--
-- Grain: one row per offending file; none = pass. Inputs: found_files (files found on disk).
-- Columns: path, problem, advice.
SELECT
    path,
    error AS problem,
    'put it back from a copy, or let `mtstore repair` set it aside and mark its range as not fetched' AS advice
FROM found_files
WHERE error IS NOT NULL AND kind <> 'unknown'
ORDER BY path
