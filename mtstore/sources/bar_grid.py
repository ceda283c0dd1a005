"""The grid on which the bars of a schema open: aligned ranges, and the last closed bar.

Bars shorter than a day open at multiples of their width in UTC; daily bars at midnight of the vendor's day zone. In
files and frames, bars of an hour and wider may have a grid of their own: hours from 09:30.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from mtstore import ranges
from mtstore.bars import is_daily, step_us
from mtstore.ranges import TimeRange, from_us

if TYPE_CHECKING:
    import numpy as np

OWN_GRID_US: Final = 3_600_000_000
"""Bars of this width and wider may have a grid of their own."""


def midnight_us(day: date, tz: str) -> int:
    """Return the start of a day in the IANA zone `tz`, in microseconds since the epoch."""
    return ranges.midnight_us(day, ZoneInfo(tz))


def midnights_us(stamps: np.ndarray, tz: str) -> np.ndarray:
    """Return for each instant (µs) the start of its day in `tz`."""
    import pandas as pd

    zone: Any = ZoneInfo(tz)
    local = pd.DatetimeIndex(stamps.view("datetime64[us]"), tz="UTC").tz_convert(zone)
    midnights = local.tz_localize(None).normalize().tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return midnights.as_unit("us").asi8.copy()


def day_of(instant_us: int, tz: str) -> date:
    """Return the day of an instant in `tz`."""
    return from_us(instant_us).astimezone(ZoneInfo(tz)).date()


def floor_us(instant_us: int, schema: str, day_tz: str) -> int:
    """Return the open of the bar that contains an instant."""
    if is_daily(schema):
        return midnight_us(day_of(instant_us, day_tz), day_tz)
    step = step_us(schema)
    return instant_us // step * step


def ceil_us(instant_us: int, schema: str, day_tz: str) -> int:
    """Return the first open of a bar at or after an instant."""
    floor = floor_us(instant_us, schema, day_tz)
    if floor == instant_us:
        return floor
    if is_daily(schema):
        return midnight_us(day_of(instant_us, day_tz) + timedelta(days=1), day_tz)
    return floor + step_us(schema)


def align(requested: TimeRange, schema: str, day_tz: str) -> TimeRange | None:
    """Return a range in whole bars, from the first open in it to the first open past it; None without any."""
    start, end = ceil_us(requested.start_us, schema, day_tz), ceil_us(requested.end_us, schema, day_tz)
    return TimeRange(start, end) if start < end else None


def days_in(aligned: TimeRange, day_tz: str) -> list[date]:
    """Return the days that begin in a range."""
    day = day_of(aligned.start_us, day_tz)
    found = []
    while (start := midnight_us(day, day_tz)) < aligned.end_us:
        if start >= aligned.start_us:
            found.append(day)
        day += timedelta(days=1)
    return found


def off_own_grid(stamps: np.ndarray, step: int, day_tz: str, usable: np.ndarray | None = None) -> np.ndarray:
    """Return which instants (µs) are off the grid of most of them, else off the UTC grid.

    Hours from 09:30 on have one offset in UTC. Four hours, or 65 minutes, from 09:30 on have one in local time.

    Parameters
    ----------
    step
        The bars' width in microseconds.
    usable
        Which instants count; all without it.
    """
    import numpy as np

    usable = np.ones(len(stamps), dtype=bool) if usable is None else usable
    stamps = np.where(usable, stamps, 0)
    is_off: np.ndarray = stamps % step != 0
    for since in (stamps, stamps - midnights_us(stamps, day_tz)):
        phases = since % step
        offsets, counts = np.unique(phases[usable], return_counts=True)
        # Instants without a common offset have no grid of their own.
        if len(counts) and counts.max() * 2 > usable.sum() and counts.max() > (usable & ~is_off).sum():
            is_off = phases != offsets[np.argmax(counts)]
    return is_off
