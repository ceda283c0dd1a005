-- Nothing but the files in these folders can be opened from here on, and none of this can be changed again.
-- DuckDB still lets them be written to: what a statement may do is decided before it runs (mtstore/query/gate.py).
SET allowed_directories = {{folders}};

SET autoinstall_known_extensions = FALSE;

SET autoload_known_extensions = FALSE;

SET enable_external_access = FALSE;

SET lock_configuration = TRUE;
