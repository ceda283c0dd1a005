"""Questions to a store: statements, series, aligned tables; their meaning stands in `sql/`."""
