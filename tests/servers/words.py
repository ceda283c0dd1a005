"""Ranges and times of batches, for tests of sources."""

from __future__ import annotations

from datetime import UTC, datetime

from mtstore.bars import BarBatch
from mtstore.ranges import TimeRange


def us(text: str) -> int:
    """Convert ISO text to microseconds since the epoch; text without an offset is UTC."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def span(start: str, end: str) -> TimeRange:
    return TimeRange(us(start), us(end))


def times(answer: BarBatch) -> list[int]:
    """Return the opens of a batch's bars, µs."""
    found: list[int] = answer.bars["ts_event"].cast("int64").to_pylist()
    return found
