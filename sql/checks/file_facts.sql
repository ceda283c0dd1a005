-- file_facts: data files with a footer or metadata that differ from their rows.
--
-- Grain: one row per offending file; none = pass. Inputs: core.files, found_files (files found on disk).
-- Columns: path, problem, advice.
WITH compared AS (
    SELECT
        found.path,
        list_filter(
            [
                CASE WHEN known.byte_size <> found.byte_size THEN 'byte_size' END,
                CASE WHEN known.row_count <> found.row_count OR found.footer_row_count <> found.row_count
                    THEN 'row_count' END,
                CASE WHEN epoch_us(known.ts_min) IS DISTINCT FROM found.ts_min_us
                        OR found.footer_ts_min_us IS DISTINCT FROM found.ts_min_us
                    THEN 'ts_min' END,
                CASE WHEN epoch_us(known.ts_max) IS DISTINCT FROM found.ts_max_us
                        OR found.footer_ts_max_us IS DISTINCT FROM found.ts_max_us
                    THEN 'ts_max' END,
                CASE WHEN known.content_id <> found.content_id OR found.footer_content_id <> found.content_id
                    THEN 'content_id' END,
                CASE WHEN known.file_id <> found.footer_file_id THEN 'file_id' END,
                CASE WHEN known.schema <> found.footer_schema THEN 'schema' END,
                CASE WHEN known.source <> found.footer_source THEN 'source' END,
                CASE WHEN known.ticker <> found.footer_ticker THEN 'ticker' END,
                CASE WHEN known.year IS DISTINCT FROM found.footer_year THEN 'year' END,
                CASE WHEN known.day_tz <> found.footer_day_tz THEN 'day_tz' END,
                CASE WHEN epoch_us(known.written_at) <> found.footer_written_at_us THEN 'written_at' END
            ],
            lambda name: name IS NOT NULL
        ) AS differing
    FROM core.files AS known
    INNER JOIN found_files AS found USING (path)
    WHERE found.is_there AND found.error IS NULL
)
SELECT
    path,
    'its rows, its footer and the metadata disagree on ' || array_to_string(differing, ', ') AS problem,
    '`mtstore repair` sets it aside and marks its range as not fetched' AS advice
FROM compared
WHERE len(differing) > 0
ORDER BY path
