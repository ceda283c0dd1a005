"""Aggregate one ticker's bars into buckets, as arrays: the aggregates of the macro `core.resampled`, ignoring NULLs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_INPUTS: Mapping[str, tuple[str, ...]] = {"vwap": ("vwap", "volume")}


def input_columns(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the stored columns that some fields are computed from."""
    return tuple(dict.fromkeys(column for name in fields for column in _INPUTS.get(name, (name,))))


def aggregate_field(name: str, columns: Mapping[str, np.ndarray], starts: np.ndarray) -> np.ndarray:
    """Return one value per bucket of at least one row each; float64, missing is NaN.

    open is the first known value, close the last; high and low the extremes; volume, transactions and bar_count sums;
    vwap is weighted by volume, and missing if a bar with volume has none.
    """
    values = columns[name]
    if name == "vwap":
        return _vwap(values, columns["volume"], starts)
    if name in {"open", "close"}:
        return _edge(values, starts, is_first=name == "open")
    if name in {"high", "low"}:
        # fmax and fmin ignore NaN.
        extremes: np.ndarray = (np.fmax if name == "high" else np.fmin).reduceat(values, starts)
        return extremes
    return _sum(values, starts)


def _edge(values: np.ndarray, starts: np.ndarray, *, is_first: bool) -> np.ndarray:
    ends = np.append(starts[1:], len(values)) - 1
    edges: np.ndarray = values[starts if is_first else ends]
    # Few buckets have no value at their edge; those are searched one by one.
    for place in np.flatnonzero(np.isnan(edges)):
        with_value = np.flatnonzero(~np.isnan(values[starts[place] : ends[place] + 1]))
        if len(with_value):
            edges[place] = values[starts[place] + with_value[0 if is_first else -1]]
    return edges


def _sum(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    sums = np.add.reduceat(values, starts)
    if not np.isnan(sums).any():
        return sums
    is_missing = np.isnan(values)
    sums = np.add.reduceat(np.where(is_missing, 0.0, values), starts)
    return np.where(np.add.reduceat((~is_missing).astype(np.int64), starts) > 0, sums, np.nan)


def _vwap(vwap: np.ndarray, volume: np.ndarray, starts: np.ndarray) -> np.ndarray:
    counts = np.diff(np.append(starts, len(vwap)))
    has_vwap = ~np.isnan(vwap)
    traded = np.where(np.isnan(volume), 0.0, volume)
    is_incomplete = np.add.reduceat(((traded > 0) & ~has_vwap).astype(np.int64), starts) > 0
    amounts = np.add.reduceat(np.where(has_vwap, vwap * traded, 0.0), starts)
    volumes = np.add.reduceat(np.where(has_vwap, traded, 0.0), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = np.where(is_incomplete | (volumes == 0), np.nan, amounts / volumes)
    # A single bar keeps its own average to the last digit, also where its volume is 0.
    return np.where(counts == 1, vwap[starts], weighted)
