"""One parquet file: write, read its footer, merge a partition, list the active ones."""
