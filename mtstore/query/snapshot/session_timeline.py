"""A session key's time line as arrays: segments with one anchor each, in which a bar's bucket is integer arithmetic.

The segments are those of the macro `core.bucket_days`; the arithmetic is that of `core.resampled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

import numpy as np

from mtstore.ranges import EPOCH, midnight_us, to_us

if TYPE_CHECKING:
    from mtstore.bounds import Bounds
    from mtstore.intervals import BarInterval


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

    def within(self, bounds: Bounds, interval: BarInterval) -> Timeline:
        """Return the segments of a range; below a day an instant may cut a segment, whose buckets are cut later."""
        keep = np.ones(len(self.start_us), dtype=bool)
        if bounds.start is not None:
            keep &= self._reaches(bounds.start, bounds.tz, interval, is_start=True)
        if bounds.end is not None:
            keep &= self._reaches(bounds.end, bounds.tz, interval, is_start=False)
        return Timeline(*(getattr(self, name)[keep] for name in self.__slots__))

    def _reaches(self, bound: date | datetime, tz: str, interval: BarInterval, *, is_start: bool) -> np.ndarray:
        if isinstance(bound, datetime):
            limit = to_us(bound)
            if interval.is_intraday:
                # A bucket is labelled before the bars that fill it, by less than its width.
                return self.end_us > limit if is_start else self.start_us - interval.microseconds < limit
            return self.anchor_us >= limit if is_start else self.anchor_us < limit
        if interval.is_intraday:
            day = (bound - EPOCH.date()).days
            return self.session_date >= day if is_start else self.session_date <= day
        midnight = midnight_us(bound, ZoneInfo(tz))
        return self.anchor_us >= midnight if is_start else self.anchor_us <= midnight
