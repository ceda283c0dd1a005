"""Polygon (Massive): its REST service and its flat files."""
