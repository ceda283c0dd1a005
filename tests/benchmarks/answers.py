"""Whether contenders agree: each answer is boiled down to sums per column, which are compared with a tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

# ticker, opens of the buckets in µs since the epoch (UTC), values by field; missing is NaN
Part = tuple[str, np.ndarray, Mapping[str, np.ndarray]]

_TOLERANCE = 1e-9
_PRIME = 9_973
_US_PER_MINUTE = 60_000_000


def digest(parts: Iterable[Part], rows: int | None = None) -> dict[str, Any]:
    """Per column: how many values are known, their sum, and their sum weighted by time, which tells misplaced values.

    `rows` is the length of an aligned answer's grid.
    """
    columns: dict[str, list[float]] = {}
    for ticker, ts_us, fields in parts:
        weights = (ts_us // _US_PER_MINUTE % _PRIME) / _PRIME
        for name, values in fields.items():
            known = ~np.isnan(values)
            kept = values[known]
            columns[f"{ticker}_{name}"] = [int(known.sum()), float(kept.sum()), float((kept * weights[known]).sum())]
    return {"rows": rows, "columns": dict(sorted(columns.items()))}


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """In what two digests differ; empty if they agree. The grid's length counts where both have one."""
    found = []
    if None not in {ours["rows"], theirs["rows"]} and ours["rows"] != theirs["rows"]:
        found.append(f"{ours['rows']} rows against {theirs['rows']}")
    mine, other = ours["columns"], theirs["columns"]
    if mine.keys() != other.keys():
        found.append(f"columns only in one of them: {sorted(mine.keys() ^ other.keys())[:4]}")
    for name in mine.keys() & other.keys():
        if not np.allclose(mine[name], other[name], rtol=_TOLERANCE, atol=1e-6):
            found.append(f"{name}: {mine[name]} against {other[name]}")
    return found
