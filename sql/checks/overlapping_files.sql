-- overlapping_files: active files of one partition that overlap in ts_event.
--
-- Grain: one row per file that begins before an earlier one of its partition ends; none = pass. Inputs: core.files.
-- Columns: path, problem, advice.
SELECT
    path,
    'its bars overlap with those of another file of its partition' AS problem,
    '`mtstore repair` sets it aside and marks its range as not fetched' AS advice
FROM core.files
QUALIFY ts_min <= max(ts_max) OVER (
    PARTITION BY schema, source, ticker, year
    ORDER BY ts_min, file_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
)
ORDER BY path
