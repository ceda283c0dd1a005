"""A configuration, or frames in memory, seen in place of the store's own."""
