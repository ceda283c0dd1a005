-- Lines that the last read_csv refused: one row per line, its first error.
SELECT
    any_value(scans.file_path) AS path,
    errors.line,
    arg_min(errors.error_message, errors.column_idx) AS error,
    any_value(errors.csv_line) AS text
FROM reject_errors AS errors
INNER JOIN reject_scans AS scans USING (scan_id, file_id)
GROUP BY errors.scan_id, errors.file_id, errors.line
ORDER BY path, errors.line
