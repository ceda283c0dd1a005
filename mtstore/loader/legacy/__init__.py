"""The single-ticker loaders."""
