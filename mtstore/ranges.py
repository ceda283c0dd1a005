"""Half-open time ranges, set arithmetic on them, units of time.

A set is a tuple of half-open `TimeRange`s, sorted, disjoint and not touching (`Ranges`); times are microseconds since
the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import TypeAlias

from mtstore.errors import InputError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US_PER_SECOND = 1_000_000
US_PER_DAY = 86_400 * US_PER_SECOND


@dataclass(frozen=True, order=True, slots=True)
class TimeRange:
    """A half-open range `[start_us, end_us)` of instants, in microseconds since the epoch, UTC."""

    start_us: int
    end_us: int

    def __post_init__(self) -> None:
        if self.start_us >= self.end_us:
            raise InputError(f"a range must start before it ends, got [{self.start_us}, {self.end_us}) µs")

    def overlaps(self, other: TimeRange) -> bool:
        return self.start_us < other.end_us and other.start_us < self.end_us


Ranges: TypeAlias = tuple[TimeRange, ...]

_SHORT_US = 7 * US_PER_DAY


def normalise(ranges: Iterable[TimeRange]) -> Ranges:
    """Return the same instants as sorted, disjoint ranges; ranges that touch become one."""
    merged: list[TimeRange] = []
    for item in sorted(ranges):
        if merged and item.start_us <= merged[-1].end_us:
            last = merged.pop()
            merged.append(TimeRange(last.start_us, max(last.end_us, item.end_us)))
        else:
            merged.append(item)
    return tuple(merged)


def union(first: Iterable[TimeRange], *others: Iterable[TimeRange]) -> Ranges:
    """Return the instants in any of the sets."""
    return normalise(item for ranges in (first, *others) for item in ranges)


def intersect(first: Iterable[TimeRange], second: Iterable[TimeRange]) -> Ranges:
    """Return the instants in both sets."""
    left, right = normalise(first), normalise(second)
    found: list[TimeRange] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i].start_us, right[j].start_us)
        end = min(left[i].end_us, right[j].end_us)
        if start < end:
            found.append(TimeRange(start, end))
        if left[i].end_us <= right[j].end_us:
            i += 1
        else:
            j += 1
    return tuple(found)


def subtract(first: Iterable[TimeRange], second: Iterable[TimeRange]) -> Ranges:
    """Return the instants of the first set that are not in the second."""
    holes = normalise(second)
    left: list[TimeRange] = []
    j = 0
    for item in normalise(first):
        start = item.start_us
        while j < len(holes) and holes[j].end_us <= start:
            j += 1
        k = j
        while k < len(holes) and holes[k].start_us < item.end_us:
            if start < holes[k].start_us:
                left.append(TimeRange(start, holes[k].start_us))
            start = max(start, holes[k].end_us)
            k += 1
        if start < item.end_us:
            left.append(TimeRange(start, item.end_us))
    return tuple(left)


def clamp(ranges: Iterable[TimeRange], *, start_us: int | None = None, end_us: int | None = None) -> Ranges:
    """Return the part of the set within `[start_us, end_us)`; None leaves that side open."""
    kept: list[TimeRange] = []
    for item in normalise(ranges):
        start = item.start_us if start_us is None else max(item.start_us, start_us)
        end = item.end_us if end_us is None else min(item.end_us, end_us)
        if start < end:
            kept.append(TimeRange(start, end))
    return tuple(kept)


def total_us(ranges: Iterable[TimeRange]) -> int:
    """Return the total length of the ranges in microseconds."""
    return sum(item.end_us - item.start_us for item in normalise(ranges))


def bridge(ranges: Iterable[TimeRange], passable: Iterable[TimeRange]) -> Ranges:
    """Return the set without those gaps that are wholly within `passable`."""
    parts = normalise(ranges)
    gaps = [TimeRange(a.end_us, b.start_us) for a, b in pairwise(parts)]
    impassable = subtract(gaps, passable)
    return union(parts, (gap for gap in gaps if not intersect((gap,), impassable)))


def chunks(ranges: Iterable[TimeRange], *, span_us: int, unit_us: int = US_PER_DAY, by_year: bool = True) -> Ranges:
    """Cut the ranges into chunks that are fetched and committed one by one, the earliest first.

    No piece is longer than `span_us` (a unit where that is less), and with `by_year` none crosses a UTC year, because a
    data file does not; but a part of less than a week is not cut off, since the last evening of a year would cost a
    request of its own. Each year's part is cut evenly, at whole units since the epoch; where some of its pieces are
    taken away, the others come out again, so that what a run has left to do is cut as before.
    """
    pieces: list[TimeRange] = []
    for item in normalise(ranges):
        for part in _years(item) if by_year else (item,):
            pieces.extend(_evenly(part, span_us=span_us, unit_us=unit_us))
    return tuple(pieces)


def _years(item: TimeRange) -> list[TimeRange]:
    first = datetime.fromtimestamp(item.start_us // US_PER_SECOND, UTC).year
    last = datetime.fromtimestamp((item.end_us - 1) // US_PER_SECOND, UTC).year
    starts = [int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * US_PER_SECOND for year in range(first + 1, last + 1)]
    inner = [at for at in starts if at - item.start_us >= _SHORT_US and item.end_us - at >= _SHORT_US]
    return [TimeRange(a, b) for a, b in pairwise([item.start_us, *inner, item.end_us])]


def _evenly(part: TimeRange, *, span_us: int, unit_us: int) -> list[TimeRange]:
    units_per_piece = max(1, span_us // unit_us)
    first_unit, last_unit = part.start_us // unit_us, -(-part.end_us // unit_us)
    count = -(-(last_unit - first_unit) // units_per_piece)
    # Those that are one unit longer come last: thus the pieces of a rest are the rest of the pieces.
    shorter, longer = divmod(last_unit - first_unit, count)
    inner = [(first_unit + shorter * i + max(0, i - (count - longer))) * unit_us for i in range(1, count)]
    bounds = [part.start_us, *inner, part.end_us]
    return [TimeRange(a, b) for a, b in pairwise(bounds)]


def to_us(instant: datetime) -> int:
    """Return an aware instant as microseconds since the epoch."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def from_us(microseconds: int) -> datetime:
    """Return microseconds since the epoch as an instant in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def midnight_us(day: date, zone: tzinfo = UTC) -> int:
    """Return the start of a day in a zone as microseconds since the epoch."""
    return to_us(datetime(day.year, day.month, day.day, tzinfo=zone))


def iso_instant(microseconds: int) -> str:
    """Return microseconds since the epoch as ISO text, the form of log records."""
    return from_us(microseconds).isoformat(timespec="microseconds")
