-- unsorted_files: data files with bars that are not sorted by ts_event, or not unique on it.
--
-- Grain: one row per offending file; none = pass. Inputs: found_files (files found on disk).
-- Columns: path, problem, advice.
SELECT
    path,
    'its bars are not sorted by ts_event and unique on it' AS problem,
    '`mtstore repair` sets it aside and marks its range as not fetched' AS advice
FROM found_files
WHERE kind = 'data' AND NOT is_sorted
ORDER BY path
