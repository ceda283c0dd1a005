"""From the caches of older versions."""
