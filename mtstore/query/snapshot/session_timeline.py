"""A session key's time line as arrays: segments with one anchor each, in which a bar's bucket is integer arithmetic.

The segments are those of the macro `core.bucket_days`; the arithmetic is that of `core.resampled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mtstore.ranges import EPOCH, to_us

if TYPE_CHECKING:
    from mtstore.bounds import Bounds

_EARLIEST, _LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Timeline:
    """Segments in time order, disjoint; all columns int64 (dates as days since 1970-01-01).

    Attributes
    ----------
    start_us, end_us
        Half-open bounds.
    session_date
        The session that a segment belongs to.
    anchor_us
        Where buckets below a day are counted from; the bucket's own label for a day and more.
    limit_us
        Where the segment's last bucket ends at the latest.
    """

    start_us: np.ndarray
    end_us: np.ndarray
    session_date: np.ndarray
    anchor_us: np.ndarray
    limit_us: np.ndarray

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any]) -> Self:
        """Convert the result of `store_facts.session_segments` or `store_facts.bucket_segments`."""
        limits = columns["limit_us"]
        if isinstance(limits, np.ma.MaskedArray):
            limits = limits.filled(np.iinfo(np.int64).max)
        return cls(
            columns["start_us"].astype(np.int64),
            columns["end_us"].astype(np.int64),
            columns["session_date"].astype("datetime64[D]").astype(np.int64),
            columns["anchor_us"].astype(np.int64),
            limits.astype(np.int64),
        )

    def range_us(self, bounds: Bounds) -> tuple[int, int]:
        """Return between which instants what belongs to a range lies: those of the sessions around it, for dates."""
        start_us, end_us = _EARLIEST, _LATEST
        if isinstance(bounds.start, datetime):
            start_us = to_us(bounds.start)
        elif bounds.start is not None:
            earlier = self.end_us[self.session_date < _day_number(bounds.start)]
            start_us = int(earlier.max()) if len(earlier) else _EARLIEST
        if isinstance(bounds.end, datetime):
            end_us = to_us(bounds.end)
        elif bounds.end is not None:
            later = self.start_us[self.session_date > _day_number(bounds.end)]
            end_us = int(later.min()) if len(later) else _LATEST
        return start_us, end_us

    def only(self, keep: np.ndarray) -> Timeline:
        """Return some of the segments, in the same order."""
        return Timeline(*(getattr(self, name)[keep] for name in self.__slots__))


def whole_buckets(bounds: Bounds, edges: tuple[np.ndarray, np.ndarray], dates: tuple[np.ndarray, np.ndarray]) -> Any:
    """Return which buckets lie wholly in a range: by their edges for instants, by first and last session for dates.

    It is the rule of the macros `core.lies_after` and `core.lies_before`.
    """
    (labels_us, close_us), (first, last) = edges, dates
    whole = np.ones(len(labels_us), dtype=bool)
    if isinstance(bounds.start, datetime):
        whole &= labels_us >= to_us(bounds.start)
    elif bounds.start is not None:
        whole &= first >= _day_number(bounds.start)
    if isinstance(bounds.end, datetime):
        whole &= close_us <= to_us(bounds.end)
    elif bounds.end is not None:
        whole &= last <= _day_number(bounds.end)
    return whole


def _day_number(day: date) -> int:
    return (day - EPOCH.date()).days
