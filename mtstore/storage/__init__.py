"""The store: immutable parquet, a commit log, and the database file that is made from them."""
