-- Every instance of ours works in UTC (nothing that is published depends on it) and draws no bars of its own.
SET GLOBAL TimeZone = 'UTC';

SET enable_progress_bar = FALSE;
