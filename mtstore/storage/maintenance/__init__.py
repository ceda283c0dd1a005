"""Verify, repair, compact, evict, export a copy."""
