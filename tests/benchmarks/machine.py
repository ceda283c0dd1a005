"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_PACKAGES = ("mtstore", "duckdb", "pyarrow", "numpy", "pandas", "polars", "arcticdb")


def describe(pythons: Mapping[str, str]) -> dict[str, object]:
    """Processor, memory, system and versions; of other interpreters too, by the contender that runs in them."""
    described: dict[str, object] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": versions(),
    }
    for contender, python in pythons.items():
        answer = subprocess.run(
            [python, "-m", "tests.benchmarks.machine"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        described[f"versions of {contender}"] = json.loads(answer.stdout)
    return described


def versions() -> dict[str, str]:
    """The packages that matter, as far as they are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(versions()))
