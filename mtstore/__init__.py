"""mtstore."""
