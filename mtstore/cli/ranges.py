"""Ranges of instants as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtstore.ranges import TimeRange

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def spell_range(bounds: TimeRange) -> str:
    """`[2023-01-03T05:00Z, 2023-01-04T05:00Z)`."""
    start, end = (_EPOCH + timedelta(microseconds=us) for us in (bounds.start_us, bounds.end_us))
    return f"[{start:%Y-%m-%dT%H:%MZ}, {end:%Y-%m-%dT%H:%MZ})"
