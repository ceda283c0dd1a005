-- Retired data files whose grace period has passed ($before): they may be deleted.
SELECT
    file_id,
    path
FROM core.retired_files
WHERE retired_at < $before
ORDER BY path
