"""Limits of time that hold on an idle machine and are stretched on a busy one."""

from __future__ import annotations

import os


def time_limit(seconds: float) -> float:
    """Return `seconds`, times the processes that wait for each processor if there are more than one."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
