"""Load aligned bars: request, fetch what is missing, read, report."""
