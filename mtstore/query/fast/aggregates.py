"""Bars of one ticker into buckets, as arrays: the aggregates of the macro `core.resampled`, NULLs passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NEEDS: Mapping[str, tuple[str, ...]] = {"vwap": ("vwap", "volume")}
"""The columns that a field is computed from, where that is not just the column of its name."""


def input_columns(fields: tuple[str, ...]) -> tuple[str, ...]:
    """The stored columns that some fields are computed from."""
    return tuple(dict.fromkeys(column for name in fields for column in NEEDS.get(name, (name,))))


def aggregate_field(name: str, columns: Mapping[str, np.ndarray], starts: np.ndarray) -> np.ndarray:
    """One value per bucket of at least one row each; float64, missing is NaN.

    open is the first that is known, close the last; high and low the extremes; volume, transactions and bar_count sums;
    vwap is weighted by volume, and missing if a bar with volume has none.
    """
    if name == "vwap":
        return _vwap(columns["vwap"], columns["volume"], starts)
    values = columns[name]
    if name in {"open", "close"}:
        return _edge(values, starts, is_first=name == "open")
    if name in {"high", "low"}:
        return _extreme(values, starts, is_highest=name == "high")
    return _sum(values, starts)


def _extreme(values: np.ndarray, starts: np.ndarray, *, is_highest: bool) -> np.ndarray:
    """fmax and fmin pass over NaN."""
    import numpy as np

    reduced: np.ndarray = (np.fmax if is_highest else np.fmin).reduceat(values, starts)
    return reduced


def _edge(values: np.ndarray, starts: np.ndarray, *, is_first: bool) -> np.ndarray:
    import numpy as np

    ends = np.append(starts[1:], len(values)) - 1
    edges: np.ndarray = values[starts if is_first else ends]
    lacking = np.flatnonzero(np.isnan(edges))
    # Few buckets have no value at their edge; they are looked through one by one.
    for place in lacking:
        known = np.flatnonzero(~np.isnan(values[starts[place] : ends[place] + 1]))
        if len(known):
            edges[place] = values[starts[place] + known[0 if is_first else -1]]
    return edges


def _sum(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    import numpy as np

    sums = np.add.reduceat(values, starts)
    if not np.isnan(sums).any():
        return sums
    unknown = np.isnan(values)
    sums = np.add.reduceat(np.where(unknown, 0.0, values), starts)
    return np.where(np.add.reduceat((~unknown).astype(np.int64), starts) > 0, sums, np.nan)


def _vwap(vwap: np.ndarray, volume: np.ndarray, starts: np.ndarray) -> np.ndarray:
    import numpy as np

    counts = np.diff(np.append(starts, len(vwap)))
    known = ~np.isnan(vwap)
    traded = np.where(np.isnan(volume), 0.0, volume)
    lacking = np.add.reduceat(((traded > 0) & ~known).astype(np.int64), starts) > 0
    amounts = np.add.reduceat(np.where(known, vwap * traded, 0.0), starts)
    volumes = np.add.reduceat(np.where(known, traded, 0.0), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = np.where(lacking | (volumes == 0), np.nan, amounts / volumes)
    return np.where(counts == 1, vwap[starts], weighted)
