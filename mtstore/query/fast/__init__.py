"""Read parquet straight into arrays where the result equals the SQL macros'."""
