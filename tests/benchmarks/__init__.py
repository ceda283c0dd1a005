"""Benchmarks: mtstore beside what people would use instead. `python tests/benchmarks/run.py --help` tells how."""
