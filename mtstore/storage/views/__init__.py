"""Create the SQL views and macros of a snapshot."""
