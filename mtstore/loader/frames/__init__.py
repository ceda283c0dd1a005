"""Read bars from a frame the user passed in."""
