"""Cutting bars and ranges at UTC years, the borders of partitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mtstore.ranges import US_PER_DAY, TimeRange

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_year(microseconds: int) -> int:
    """The UTC year of an instant."""
    return (_EPOCH + timedelta(microseconds=microseconds)).year


def year_range(year: int) -> TimeRange:
    """A UTC year as a range."""
    # By its last day: the year after the last one is no date.
    bounds = (datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, tzinfo=UTC))
    start, last = ((bound - _EPOCH) // timedelta(microseconds=1) for bound in bounds)
    return TimeRange(start, last + US_PER_DAY)


def by_year(bars: pa.Table, ranges: Sequence[TimeRange]) -> Iterator[tuple[int, pa.Table, tuple[TimeRange, ...]]]:
    """For each UTC year that sorted `bars` or `ranges` reach: the year, its bars, and the ranges cut to it."""
    import numpy as np

    stamps = bars["ts_event"].cast("int64").to_numpy()
    years: set[int] = set()
    if len(stamps):
        years.update(range(utc_year(int(stamps[0])), utc_year(int(stamps[-1])) + 1))
    for bounds in ranges:
        years.update(range(utc_year(bounds.start_us), utc_year(bounds.end_us - 1) + 1))
    for year in sorted(years):
        whole = year_range(year)
        first, last = np.searchsorted(stamps, [whole.start_us, whole.end_us])
        cut = tuple(
            TimeRange(max(bounds.start_us, whole.start_us), min(bounds.end_us, whole.end_us))
            for bounds in ranges
            if bounds.overlaps(whole)
        )
        yield year, bars.slice(first, last - first), cut
