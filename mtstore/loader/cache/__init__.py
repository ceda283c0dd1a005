"""Translate between `CacheManager` and the store."""
