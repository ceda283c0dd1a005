"""Parquet files, the commit log, and the database file derived from them."""
