"""Checks of custom files as a whole, before their bars are stored."""
