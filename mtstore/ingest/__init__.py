"""Bring bars into a store."""
