"""Small words for tests about ranges and answers."""

from __future__ import annotations

from datetime import UTC, datetime

from mtstore.bars import BarBatch
from mtstore.ranges import TimeRange


def us(text: str) -> int:
    """An instant of ISO text, UTC unless it says otherwise, in microseconds."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def span(start: str, end: str) -> TimeRange:
    return TimeRange(us(start), us(end))


def times(answer: BarBatch) -> list[int]:
    """The opens of an answer's bars, µs."""
    found: list[int] = answer.bars["ts_event"].cast("int64").to_pylist()
    return found
