"""The Python classes: a configuration in, an aligned table out."""
