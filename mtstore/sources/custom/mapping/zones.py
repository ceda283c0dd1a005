"""Zones of mappings and of values: IANA names, fixed offsets (`-05:00`) and zone words (`EST`)."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from mtstore.bounds import parse_zone
from mtstore.errors import InputError

_OFFSET = re.compile(r"(?:UTC|GMT)?(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?\Z")
_HOURS = {
    "EDT": -4, "CDT": -5, "MDT": -6, "PDT": -7, "PST": -8, "AKST": -9, "AKDT": -8,
    "WET": 0, "CET": 1, "EET": 2, "CEST": 2, "EEST": 3, "WEST": 1, "MSK": 3, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8,
    "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
    # Python's IANA zones of these names are the same fixed offsets.
    "EST": -5, "MST": -7, "HST": -10, "UTC": 0, "GMT": 0, "Z": 0,
}  # fmt: skip
_PLACES = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
    "EDT": "America/New_York",
    "CST": "America/Chicago or Asia/Shanghai",
    "CDT": "America/Chicago",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    # IANA has these three as zones with daylight saving, where people may mean the fixed offset.
    "WET": "Europe/Lisbon",
    "CET": "Europe/Berlin",
    "EET": "Europe/Athens",
    "CEST": "Europe/Berlin",
    "BST": "Europe/London",
    "IST": "Asia/Kolkata, Asia/Jerusalem or Europe/Dublin",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "HKT": "Asia/Hong_Kong",
    "SGT": "Asia/Singapore",
    "MSK": "Europe/Moscow",
    "AEST": "Australia/Brisbane",
    "AEDT": "Australia/Sydney",
}
_FIXED = {"EST": "America/New_York", "MST": "America/Denver", "HST": "Pacific/Honolulu"}


def parse_mapping_zone(name: str) -> tzinfo:
    """Return the zone of an IANA name or of a fixed offset such as `-05:00`.

    Raises
    ------
    InputError
        The name is neither; for abbreviations such as ET the message names the IANA zone.
    """
    offset = _parse_offset(name)
    if offset is not None:
        return offset
    if isinstance(name, str) and name.strip().upper() in _PLACES:
        word = name.strip().upper()
        fixed = f", or {_HOURS[word]:+03d}:00 for a fixed offset" if word in _HOURS else ""
        raise InputError(f"{name!r} is an abbreviation, not the name of a place; use {_PLACES[word]}{fixed}")
    return parse_zone(name)


def day_zone(name: str) -> str:
    """Return the IANA zone whose midnights mark the days of a mapping's zone; UTC for offsets that have none."""
    offset = _parse_offset(name)
    if offset is None:
        return name
    hours, rest = divmod(offset.utcoffset(None), timedelta(hours=1))
    if rest or not hours or not -14 <= -hours <= 12:
        return "UTC"
    return f"Etc/GMT{-hours:+d}"


def zone_warning(name: str) -> str | None:
    """Return a warning about a zone name that stands for a fixed offset, or None."""
    if name not in _FIXED:
        return None
    return (
        f"tz: {name} is a fixed offset, without daylight saving; for the local clock use {_FIXED[name]}"
        f" (for the fixed offset without this warning: {_HOURS[name]:+03d}:00)"
    )


@functools.lru_cache(maxsize=1_000)
def zone_of_word(word: str, default: str) -> tzinfo | None:
    """Return the zone of a word in a value: an offset, an IANA name or an abbreviation; None if it is neither.

    Ambiguous abbreviations (CST, IST, BST) are known only if the clock of the zone `default` uses them.
    """
    text = word.strip()
    offset = _parse_offset(text)
    if offset is not None:
        return offset
    local = parse_mapping_zone(default)
    for month in (1, 7):
        moment = datetime(2024, month, 1, tzinfo=local)
        if moment.tzname() == text.upper():
            return timezone(moment.utcoffset() or timedelta(0))
    if text.upper() in _HOURS:
        return timezone(timedelta(hours=_HOURS[text.upper()]))
    try:
        return parse_zone(text)
    except InputError:
        return None


def _parse_offset(name: object) -> timezone | None:
    match = _OFFSET.match(name.strip()) if isinstance(name, str) else None
    if match is None:
        return None
    hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
    if hours > 14 or minutes > 59:
        return None
    width = timedelta(hours=hours, minutes=minutes)
    return timezone(width if match["sign"] == "+" else -width) if width else UTC
