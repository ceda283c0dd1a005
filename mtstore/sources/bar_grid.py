"""The grid on which a schema's bars open: where ranges may begin and end, and which bar closed last.

Bars shorter than a day open at multiples of their width in UTC; daily bars at midnight of the vendor's day zone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mtstore.bars import is_daily, step_us
from mtstore.ranges import US_PER_SECOND, TimeRange

if TYPE_CHECKING:
    import numpy as np


def midnight_us(day: date, tz: str) -> int:
    """The instant at which `day` begins in `tz`, µs."""
    return int(datetime.combine(day, time(), ZoneInfo(tz)).timestamp()) * US_PER_SECOND


def midnights_us(stamps: np.ndarray, tz: str) -> np.ndarray:
    """For each instant (µs) the one at which its day begins in `tz`."""
    import pandas as pd

    zone: Any = ZoneInfo(tz)
    local = pd.DatetimeIndex(stamps.view("datetime64[us]"), tz="UTC").tz_convert(zone)
    midnights = local.tz_localize(None).normalize().tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return midnights.as_unit("us").asi8.copy()


def day_of(instant_us: int, tz: str) -> date:
    """The day in `tz` in which the instant lies."""
    return datetime.fromtimestamp(instant_us // US_PER_SECOND, UTC).astimezone(ZoneInfo(tz)).date()


def floor_us(instant_us: int, schema: str, day_tz: str) -> int:
    """The open of the bar in which the instant lies."""
    if is_daily(schema):
        return midnight_us(day_of(instant_us, day_tz), day_tz)
    step = step_us(schema)
    return instant_us // step * step


def ceil_us(instant_us: int, schema: str, day_tz: str) -> int:
    """The first open of a bar at or after the instant."""
    floor = floor_us(instant_us, schema, day_tz)
    if floor == instant_us:
        return floor
    if is_daily(schema):
        return midnight_us(day_of(instant_us, day_tz) + timedelta(days=1), day_tz)
    return floor + step_us(schema)


def align(asked: TimeRange, schema: str, day_tz: str) -> TimeRange | None:
    """The range in whole bars: from the first open in it to the first open past it; None if no bar opens in it."""
    start, end = ceil_us(asked.start_us, schema, day_tz), ceil_us(asked.end_us, schema, day_tz)
    return TimeRange(start, end) if start < end else None


def days_in(aligned: TimeRange, day_tz: str) -> list[date]:
    """The days that begin in a range."""
    day = day_of(aligned.start_us, day_tz)
    found = []
    while (start := midnight_us(day, day_tz)) < aligned.end_us:
        if start >= aligned.start_us:
            found.append(day)
        day += timedelta(days=1)
    return found


def day_opens_us(aligned: TimeRange, day_tz: str) -> list[int]:
    """The opens of the daily bars of a range, µs."""
    return [midnight_us(day, day_tz) for day in days_in(aligned, day_tz)]


def last_closed_us(now_us: int, schema: str, day_tz: str, *, lag_us: int = 0) -> int:
    """The close of the last bar that had closed `lag_us` before now: no answer may speak for what comes after."""
    return floor_us(now_us - lag_us, schema, day_tz)
