"""Compute wide synthetic bars from narrow ones: hours of UTC, or days of a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from mtstore.bounds import parse_zone
from mtstore.errors import UnsupportedSchemaError
from mtstore.ranges import US_PER_SECOND, TimeRange
from mtstore.synthetic.model import MonthBars

_DAY_SECONDS = 86_400


def widen(bars: MonthBars, width_seconds: int, day_tz: str) -> MonthBars:
    """Return bars of `width_seconds`: first open, highest high, lowest low, last close, sums, weighted vwap."""
    if not len(bars.seconds):
        return bars
    labels = _labels(bars.seconds, width_seconds, day_tz)
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    lasts = np.append(starts[1:], len(labels)) - 1
    volume = np.add.reduceat(bars.volume, starts)
    return MonthBars(
        seconds=labels[starts],
        open_cents=bars.open_cents[starts],
        high_cents=np.maximum.reduceat(bars.high_cents, starts),
        low_cents=np.minimum.reduceat(bars.low_cents, starts),
        close_cents=bars.close_cents[lasts],
        volume=volume,
        vwap=np.add.reduceat(bars.vwap * bars.volume, starts) / volume,
        transactions=np.add.reduceat(bars.transactions, starts),
    )


def reach(span: TimeRange, width_seconds: int, day_tz: str) -> TimeRange:
    """Return the range of the narrow bars for the wide bars labelled within `span`."""
    if width_seconds > _DAY_SECONDS:
        raise UnsupportedSchemaError(f"synthetic bars are at most a day wide; requested were {width_seconds} s")
    first, last = span.start_us // US_PER_SECOND, -(-span.end_us // US_PER_SECOND)
    # A wide bar may begin before the range (its label is then left out) and its last one end a day and an hour after.
    margin = width_seconds + 3_600
    edges = _labels(np.array([first - margin, last + margin]), width_seconds, day_tz)
    return TimeRange(int(edges[0]) * US_PER_SECOND, int(edges[1]) * US_PER_SECOND)


def _labels(seconds: np.ndarray, width_seconds: int, day_tz: str) -> np.ndarray:
    if width_seconds < _DAY_SECONDS:
        return seconds // width_seconds * width_seconds
    zone = parse_zone(day_tz)
    first = datetime.fromtimestamp(int(seconds[0]), UTC).date() - timedelta(days=1)
    days = (int(seconds[-1]) - int(seconds[0])) // _DAY_SECONDS + 4
    midnights = np.array(
        [
            int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
            for day in (first + timedelta(days=count) for count in range(days))
        ]
    )
    return midnights[np.searchsorted(midnights, seconds, side="right") - 1]
