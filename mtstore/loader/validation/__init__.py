"""Check a loaded table."""
