"""Read bars: as SQL results, series, wide tables and tensors."""
