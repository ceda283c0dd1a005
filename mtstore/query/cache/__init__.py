"""Cached results and tables under derived/, and their size limit."""
