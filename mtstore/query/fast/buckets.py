"""The buckets of a time line: their labels, and each bar's place among them by integer arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from mtstore.query.snapshot.session_timeline import Timeline, whole_buckets
from mtstore.ranges import to_us

if TYPE_CHECKING:
    from mtstore.query.request.request import Chunk, SeriesRequest

_NEVER = 1 << 62


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
    def of(cls, timeline: Timeline, request: SeriesRequest) -> Self | None:
        """Return the buckets of a request's range; None where segments overlap in a way that needs SQL."""
        if request.interval.is_intraday:
            return cls._narrow(timeline, request)
        return cls._wide(timeline, request)

    @classmethod
    def _wide(cls, timeline: Timeline, request: SeriesRequest) -> Self:
        """Return buckets of a day and more, each of whole segments."""
        labels, base = np.unique(timeline.anchor_us, return_inverse=True)
        close, first, last = np.zeros_like(labels), np.full_like(labels, _NEVER), np.full_like(labels, -_NEVER)
        np.maximum.at(close, base, timeline.limit_us)
        np.minimum.at(first, base, timeline.session_date)
        np.maximum.at(last, base, timeline.session_date)
        keep = whole_buckets(request.bounds, (labels, close), (first, last)) & _in_chunk(labels, request.chunk)
        segments = timeline.only(keep[base])
        labels, base = np.unique(segments.anchor_us, return_inverse=True)
        return cls(segments, labels, close[keep], segments.anchor_us, base, 0, (0, len(labels)))

    @classmethod
    def _narrow(cls, timeline: Timeline, request: SeriesRequest) -> Self | None:
        """Return buckets below a day, of which a segment has many."""
        step = request.interval.microseconds
        start_us, end_us = timeline.range_us(request.bounds)
        segments = timeline.only((timeline.end_us > start_us) & (timeline.start_us < end_us))
        if request.chunk is not None:
            # A bucket is labelled before the bars that fill it, by less than its width.
            begin, end = _edges(request.chunk)
            segments = segments.only((segments.end_us > begin) & (segments.start_us - step < end))
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
        inside = np.flatnonzero((labels >= start_us) & (close <= end_us) & _in_chunk(labels, request.chunk))
        valid = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)
        return cls(segments, labels, close, first, base, step, valid)

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


def _in_chunk(labels: np.ndarray, chunk: Chunk | None) -> np.ndarray:
    if chunk is None:
        return np.ones(len(labels), dtype=bool)
    begin, end = _edges(chunk)
    return np.asarray((labels >= begin) & (labels < end))


def _edges(chunk: Chunk) -> tuple[int, int]:
    return (
        -_NEVER if chunk.labels_from is None else to_us(chunk.labels_from),
        _NEVER if chunk.labels_to is None else to_us(chunk.labels_to),
    )
