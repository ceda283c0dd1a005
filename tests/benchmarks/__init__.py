"""Benchmarks: mtstore beside other engines; see README.md here."""
