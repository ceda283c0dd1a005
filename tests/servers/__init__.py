"""Vendors on this machine: servers that speak their protocols to their own, unmodified clients, and fail on demand."""
