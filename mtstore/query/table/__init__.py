"""The wide table: columns, buffers, memory budget, pandas frames."""
