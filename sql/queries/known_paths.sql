-- Every file that the store knows: live, retired, and those under meta/.
SELECT path FROM core.files
UNION ALL
SELECT path FROM core.retired_files
UNION ALL
SELECT path FROM core.meta_files
