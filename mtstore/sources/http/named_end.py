"""The end of what a key may read, as a vendor's refusal names it."""

from __future__ import annotations

import re
from datetime import datetime

from mtstore.ranges import to_us
from mtstore.sources.http.failures import Failure

_DAY = r"(\d{4}-\d{2}-\d{2})"
_TIME = r"(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:Z|\+00:00)?"
_INSTANT = re.compile(rf"{_DAY}(?:T{_TIME})?\Z")
_NAMED = re.compile(rf"\bend\b\D{{0,40}}\bbefore {_DAY}(?:[T ]{_TIME})?")


def read_instant_us(text: str) -> int:
    """Parse an instant as vendors write it (UTC, up to nanoseconds) into microseconds, rounded down."""
    matched = _INSTANT.match(text)
    if matched is None:
        raise ValueError(f"{text!r} is not an instant")
    return _to_us(matched)


def named_end_us(failure: Failure) -> int | None:
    """Return the end that a refusal names: in its payload, or in words such as `try an end time before 2024-03-12`."""
    end = failure.payload.get("available_end")
    matched = _INSTANT.match(end) if isinstance(end, str) else _NAMED.search(failure.message)
    return None if matched is None else _to_us(matched)


def past_the_end(failure: Failure) -> str:
    """Return the reason of a range that a vendor refused because its data, or a key's share of them, end before."""
    return f"past the end of what the vendor gives: {failure.headline}"


def _to_us(matched: re.Match[str]) -> int:
    whole = datetime.fromisoformat(f"{matched[1]}T{matched[2] or '00:00:00'}+00:00")
    return to_us(whole) + int((matched[3] or "0").ljust(9, "0")[:6])
