"""What the vendor says about the days of a dataset: days that it does not have yet are not covered.

A day is one of UTC. Of the days called `pending` or `missing` only those count on which a calendar has a session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Literal

from mtstore import calendars
from mtstore.arguments import first_few
from mtstore.bars import BarBatch
from mtstore.infer_calendar import infer_calendar
from mtstore.ranges import US_PER_DAY, Ranges, TimeRange, from_us, intersect, midnight_us, normalise, subtract, union

if TYPE_CHECKING:
    import pyarrow as pa

Condition = Literal["available", "degraded", "pending", "missing"]

_ABSENT: tuple[Condition, ...] = ("pending", "missing")


@dataclass(frozen=True, slots=True)
class DayCondition:
    """The state of one UTC day of a dataset, and when its data last changed."""

    day: date
    condition: Condition
    last_modified: date | None

    @property
    def range(self) -> TimeRange:
        start_us = midnight_us(self.day)
        return TimeRange(start_us, start_us + US_PER_DAY)


def changed_since(found: Sequence[DayCondition], requested: TimeRange, since_us: int) -> Ranges:
    """Return the parts of a range whose data may have changed: days modified since then, and days not listed."""
    since = from_us(since_us).date()
    unchanged = normalise(
        row.range
        for row in found
        if row.condition not in _ABSENT and row.last_modified is not None and row.last_modified < since
    )
    days = TimeRange(requested.start_us // US_PER_DAY * US_PER_DAY, -(-requested.end_us // US_PER_DAY) * US_PER_DAY)
    return intersect((requested,), subtract((days,), unchanged))


def last_modified(found: Sequence[DayCondition], requested: TimeRange) -> date | None:
    """Return when the data of a range last changed, as far as the vendor says so."""
    return max(
        (row.last_modified for row in found if row.last_modified and row.range.overlaps(requested)), default=None
    )


def on_sessions(found: Sequence[DayCondition], tickers: Iterable[str], dataset: str) -> list[DayCondition]:
    """Return the days without those that the vendor does not have because no ticker's calendar has a session then."""
    absent = [row for row in found if row.condition in _ABSENT]
    if not absent:
        return list(found)
    sessions: Ranges = ()
    for calendar in {infer_calendar(ticker, "databento", dataset) for ticker in tickers}:
        table = calendars.session_table(calendar)
        bounds = (table[name].cast("int64").to_pylist() for name in ("open_ts", "close_ts"))
        sessions = union(sessions, map(TimeRange, *bounds))
    return [row for row in found if row.condition not in _ABSENT or intersect((row.range,), sessions)]


def without_absent_ends(requested: TimeRange, found: Sequence[DayCondition]) -> TimeRange | None:
    """Return a range without the days at its ends that the vendor does not have; None if it has none of them."""
    there = subtract((requested,), (row.range for row in found if row.condition in _ABSENT))
    return TimeRange(there[0].start_us, there[-1].end_us) if there else None


def by_condition(batch: BarBatch, found: Sequence[DayCondition]) -> Iterator[BarBatch]:
    """Split a batch: `degraded` days have that as reason; those that the vendor does not have are 'failed'."""
    rest = batch
    for condition in ("degraded", *_ABSENT):
        days = [row for row in found if row.condition == condition]
        ranges = intersect(union(batch.ranges, batch.partial_ranges), (row.range for row in days))
        if not ranges:
            continue
        names = [row.day.isoformat() for row in days if intersect((row.range,), ranges)]
        reason = f"{condition} at the vendor: {first_few(names)}"
        rest = _part(rest, subtract(union(rest.ranges, rest.partial_ranges), ranges))
        if condition == "degraded":
            part = replace(_part(batch, ranges), quarantined=None)
            yield replace(part, reason="; ".join(filter(None, (batch.reason, reason))))
        else:
            yield absent(batch, ranges, reason)
    if rest.ranges or rest.partial_ranges:
        yield rest


def absent(batch: BarBatch, ranges: Ranges, reason: str) -> BarBatch:
    """Return ranges that the vendor does not have, or not for this key, as a batch without bars."""
    return replace(
        batch,
        ranges=ranges,
        partial_ranges=(),
        bars=batch.bars.slice(0, 0),
        quarantined=None,
        result="failed",
        reason=reason,
        is_unavailable=True,
    )


def _part(batch: BarBatch, ranges: Ranges) -> BarBatch:
    """Return the part of a batch that covers some ranges."""
    bars = _within(batch.bars, ranges)
    result = batch.result
    if result in ("complete", "empty"):
        result = "complete" if bars.num_rows else "empty"
    return replace(
        batch,
        ranges=intersect(batch.ranges, ranges),
        partial_ranges=intersect(batch.partial_ranges, ranges),
        bars=bars,
        result=result,
    )


def _within(bars: pa.Table, ranges: Ranges) -> pa.Table:
    import numpy as np

    times = bars["ts_event"].cast("int64").to_numpy()
    bounds = np.array([bound for one in ranges for bound in (one.start_us, one.end_us)], np.int64)
    return bars.filter(np.searchsorted(bounds, times, side="right") % 2 == 1)
