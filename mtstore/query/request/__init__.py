"""A checked request and the result it returns."""
