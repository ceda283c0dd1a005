"""Propose the mapping of a custom file from its content and name."""
