"""The common grid: the sorted distinct bucket labels of all tickers, and the place of any label on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtstore.ranges import US_PER_SECOND

if TYPE_CHECKING:
    from mtstore.intervals import BarInterval

_MOST_SLOTS = 50_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """Labels in order, and, where they lie on a regular raster, a table from raster slot to place.

    A look-up in the table costs a tenth of a binary search.
    """

    ts_us: np.ndarray
    origin_us: int
    unit_us: int
    table: np.ndarray | None

    def places(self, ts_us: np.ndarray) -> np.ndarray:
        """The places of labels, all of which are on the grid."""
        if self.table is None:
            return np.searchsorted(self.ts_us, ts_us)
        found: np.ndarray = self.table[(ts_us - self.origin_us) // self.unit_us]
        return found


def make_grid(labels: Sequence[np.ndarray], interval: BarInterval) -> Grid:
    """The grid of all labels, µs since the epoch, which may come in any order and several times."""
    if not labels:
        return Grid(np.zeros(0, dtype=np.int64), 0, 1, None)
    first = min(int(part.min()) for part in labels)
    last = max(int(part.max()) for part in labels)
    unit = _raster(labels, first, interval)
    if (last - first) // unit > _MOST_SLOTS:
        return Grid(np.unique(np.concatenate(labels)), first, unit, None)
    used = np.zeros((last - first) // unit + 1, dtype=bool)
    for part in labels:
        used[(part - first) // unit] = True
    slots = np.flatnonzero(used)
    table = np.cumsum(used, dtype=np.int64) - 1
    return Grid(first + slots * unit, first, unit, table)


def _raster(labels: Sequence[np.ndarray], first: int, interval: BarInterval) -> int:
    """The widest of a few units that all labels are multiples of, counted from the first."""
    units = (interval.microseconds, 3_600 * US_PER_SECOND, 60 * US_PER_SECOND, US_PER_SECOND)
    for unit in units:
        if unit and all(not ((part - first) % unit).any() for part in labels):
            return unit
    return 1
