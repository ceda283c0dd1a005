"""Read users' own parquet and CSV files, and files of splits and dividends."""
