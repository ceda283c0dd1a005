-- missing_files: files that the metadata know and the disk has not.
--
-- Grain: one row per offending file; none = pass. Inputs: found_files (files found on disk).
-- Columns: path, problem, advice.
SELECT
    path,
    'is missing; the store''s metadata call it ' || kind AS problem,
    'put it back from a copy, or let `mtstore repair` mark its range as not fetched' AS advice
FROM found_files
WHERE NOT is_there AND kind <> 'unknown'
ORDER BY path
