-- Every file that the metadata know, and what they call it: data, retired, quarantine or revisions.
SELECT
    path,
    'data' AS kind
FROM core.files
UNION ALL
SELECT
    path,
    'retired'
FROM core.retired_files
UNION ALL
SELECT
    path,
    kind
FROM core.meta_files
ORDER BY path
