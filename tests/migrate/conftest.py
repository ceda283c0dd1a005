"""A store for each test."""

from __future__ import annotations

from storeplace import empty_store, store

__all__ = ["empty_store", "store"]
