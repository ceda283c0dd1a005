"""Check and run a statement that a user wrote."""
