"""The buckets of a time line: their labels, and each bar's place among them by integer arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

import numpy as np

from mtstore.query.snapshot.session_timeline import Timeline
from mtstore.ranges import to_us

if TYPE_CHECKING:
    from mtstore.bounds import Bounds
    from mtstore.intervals import BarInterval


@dataclass(frozen=True, slots=True)
class Buckets:
    """All buckets that a time line can have, traded or not.

    Attributes
    ----------
    labels_us, close_us
        Left and right edge of each bucket, ascending.
    first_us, base
        Of each segment: its first bucket's label, and that bucket's place.
    step_us
        The width of buckets below a day; 0 for a day and more, where a segment is in one bucket.
    valid
        The places in the requested range, `[first, last)`.
    """

    timeline: Timeline
    labels_us: np.ndarray
    close_us: np.ndarray
    first_us: np.ndarray
    base: np.ndarray
    step_us: int
    valid: tuple[int, int]

    @classmethod
    def of(cls, timeline: Timeline, interval: BarInterval, bounds: Bounds) -> Self | None:
        """Return the buckets of the segments in `bounds`; None where segments overlap in a way that needs SQL."""
        segments = timeline.within(bounds, interval)
        step = interval.microseconds if interval.is_intraday else 0
        if not step:
            labels, base = np.unique(segments.anchor_us, return_inverse=True)
            close = np.zeros(len(labels), dtype=np.int64)
            np.maximum.at(close, base, segments.limit_us)
            return cls(segments, labels, close, segments.anchor_us, base, 0, (0, len(labels)))
        first = segments.anchor_us + (segments.start_us - segments.anchor_us) // step * step
        counts = (segments.end_us - 1 - first) // step + 1
        shared = np.zeros(len(first), dtype=np.int64)
        if len(first) > 1:
            # Two segments of one anchor may meet within a bucket, which both then share.
            lead = first[1:] - (first[:-1] + (counts[:-1] - 1) * step)
            if bool(np.any(lead < 0)):
                return None
            shared[1:] = lead == 0
        base = np.cumsum(counts - shared) - counts
        numbers = np.arange(int((counts - shared).sum()))
        owner = np.repeat(np.arange(len(first)), counts - shared)
        labels = first[owner] + (numbers - base[owner]) * step
        close = np.minimum(labels + step, segments.limit_us[owner])
        return cls(segments, labels, close, first, base, step, _valid(labels, bounds))

    def scan_range(self) -> tuple[int, int]:
        """Return the hull of the bars that can fall into a bucket, µs, half-open; (0, 0) without buckets."""
        if not len(self.timeline.start_us):
            return (0, 0)
        return int(self.timeline.start_us[0]), int(self.timeline.end_us.max())

    def places(self, ts_us: np.ndarray) -> tuple[slice | np.ndarray, np.ndarray]:
        """Return which of ascending bar opens fall into a bucket, and the place of each of those."""
        low = np.searchsorted(ts_us, self.timeline.start_us)
        high = np.searchsorted(ts_us, self.timeline.end_us)
        counts = high - low
        some = counts > 0
        low, high, counts, base, first = low[some], high[some], counts[some], self.base[some], self.first_us[some]
        if not len(low):
            return slice(0, 0), np.zeros(0, dtype=np.int64)
        rows: slice | np.ndarray
        if bool(np.all(low[1:] == high[:-1])):
            rows = slice(int(low[0]), int(high[-1]))
        else:
            rows = np.arange(int(counts.sum())) + np.repeat(low - (np.cumsum(counts) - counts), counts)
        if not self.step_us:
            return self._cut(rows, np.repeat(base, counts))
        offset = first % self.step_us
        if bool(np.all(offset == offset[0])):
            # Nearly always: one number per segment shifts a bar's number since the epoch to its place.
            places = (ts_us[rows] - offset[0]) // self.step_us
            places -= np.repeat((first - offset[0]) // self.step_us - base, counts)
        else:
            places = (ts_us[rows] - np.repeat(first, counts)) // self.step_us + np.repeat(base, counts)
        return self._cut(rows, places)

    def _cut(self, rows: slice | np.ndarray, places: np.ndarray) -> tuple[slice | np.ndarray, np.ndarray]:
        """Keep the rows whose bucket is in the range; places ascend."""
        begin, end = (int(place) for place in np.searchsorted(places, self.valid))
        if (begin, end) == (0, len(places)):
            return rows, places
        if isinstance(rows, slice):
            return slice(rows.start + begin, rows.start + end), places[begin:end]
        return rows[begin:end], places[begin:end]


def _valid(labels: np.ndarray, bounds: Bounds) -> tuple[int, int]:
    begin, end = 0, len(labels)
    if isinstance(bounds.start, datetime):
        begin = int(np.searchsorted(labels, to_us(bounds.start)))
    if isinstance(bounds.end, datetime):
        end = int(np.searchsorted(labels, to_us(bounds.end)))
    return begin, end
