"""Take the ticker, the bars' width and the date from the name of a file or of its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Any, Final

from mtstore.bars import step_us
from mtstore.errors import UnsupportedSchemaError

GROUPS: Final = ("ticker", "width", "date")
_SUFFIXES: Final = frozenset(
    (".csv", ".txt", ".tsv", ".dat", ".prn", ".parquet", ".pq", ".gz", ".zip", ".zst", ".bz2", ".xz")
)
_HIVE: Final = re.compile(r"(?:ticker|symbol)=", re.IGNORECASE)
_WIDTH: Final = re.compile(
    r"(?P<before>[A-Za-z]*)[\s_-]*(?P<count>\d{1,4})?[\s_-]*(?P<after>[A-Za-z]*)\Z",
)
_UNITS: Final = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m", "t": "m",
    "h": "h", "hr": "h", "hour": "h", "hours": "h", "hourly": "h",
    "d": "d", "day": "d", "days": "d", "daily": "d",
}  # fmt: skip
_DATE: Final = re.compile(r"(\d{4})\D?(\d{2})\D?(\d{2})\Z")


@dataclass(frozen=True, slots=True)
class NameFacts:
    """What the name of a file says; None where it says nothing."""

    ticker: str | None = None
    schema: str | None = None
    day: date | None = None


def name_facts(rule: str, path: str) -> NameFacts | None:
    """Apply a mapping's `ticker_from` to a path; None if the pattern does not match.

    A member of an archive has the path `archive.zip/member.csv`; a pattern may match with or without the member.

    Raises
    ------
    ValueError
        The width or the date in the name cannot be read.
    """
    if rule == "file":
        return NameFacts(ticker=_stem(PurePath(path).name))
    if rule == "folder":
        parents = [part.name for part in PurePath(path).parents if not part.name.lower().endswith(".zip")]
        return NameFacts(ticker=_HIVE.sub("", parents[0])) if parents and parents[0] else None
    pattern = re.compile(rule)
    # An archive's own name is tried second, so that a pattern may end in `\.zip$`.
    found = pattern.search(path) or pattern.search(str(PurePath(path).parent))
    if found is None:
        return None
    groups: dict[str, Any] = found.groupdict()
    width, day = groups.get("width"), groups.get("date")
    return NameFacts(groups.get("ticker"), width and schema_of_width(width), parse_day(day) if day else None)


def schema_of_width(text: str) -> str:
    """Return the schema of a width as vendors write it: `1m`, `M1`, `60`, `5min`, `1D`, `daily`; numbers are minutes.

    Raises
    ------
    ValueError
        The text is not a width, or it names weeks or months.
    """
    match = _WIDTH.match(text.strip())
    words = [] if match is None else [word for word in (match["before"], match["after"]) if word]
    count = int((match and match["count"]) or 1)
    # `1M` is a month, `M1` and `1m` are a minute.
    is_month = match is not None and match["after"] == "M"
    unit = _UNITS.get(words[0].lower()) if len(words) == 1 and not is_month else None
    if not words and match is not None and match["count"]:
        unit, count = ("d", count // 1_440) if count % 1_440 == 0 else ("m", count)
    if unit == "m" and count % 60 == 0:
        unit, count = "h", count // 60
    if unit == "h" and count % 24 == 0:
        unit, count = "d", count // 24
    schema = f"ohlcv-{count}{unit}"
    try:
        step_us(schema)
    except UnsupportedSchemaError as error:
        raise ValueError(f"{text!r} is not a width of bars (1m, M1, 60, 5min, 1D, daily)") from error
    return schema


def parse_day(text: str) -> date:
    """Return the date of `20240205` or `2024-02-05`; a ValueError says that it is not one."""
    match = _DATE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a date such as 20240205 or 2024-02-05")
    return date(*map(int, match.groups()))


def _stem(name: str) -> str:
    path = PurePath(name)
    while path.suffix.lower() in _SUFFIXES and path.stem:
        path = PurePath(path.stem)
    return path.name
