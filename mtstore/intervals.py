"""Parse bar intervals such as `30s 1min 5min 1h 1d 1w 1mo`, and durations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mtstore.errors import IntervalError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND

VALID_INTERVALS: Final = (
    "30s, 1min (= 1m), 5min, 1h and other whole seconds, minutes and hours below a day, 1d, 1w, 1mo"
)
"""The valid intervals, for error messages and help texts."""

VALID_DURATIONS: Final = "whole numbers of s, min (= m), h, d or w, like 30min or 2d"

# The grammar of core.read_interval: numbers with units, and the clock that DuckDB prints. Units are lower-case.
_UNIT = "(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|mo|mons?|months?|y|years?)"
_CLOCK = r"[0-9]{2,6}:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_SPACED_TEXT = re.compile(f"(?: [0-9]{{1,6}} ?{_UNIT}){{0,6}}(?: {_CLOCK})?")
_TOKEN = re.compile(r"([0-9]+) ?([a-z]+)|([0-9]+):([0-9]+):([0-9]+)\.?([0-9]*)")

# Months, days and microseconds of each unit; a name is a unit's if it is one of its words, with or without an s.
_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "second"), (0, 0, US_PER_SECOND)),
    **dict.fromkeys(("m", "min", "minute"), (0, 0, 60 * US_PER_SECOND)),
    **dict.fromkeys(("h", "hr", "hour"), (0, 0, 3_600 * US_PER_SECOND)),
    **dict.fromkeys(("d", "day"), (0, 1, 0)),
    **dict.fromkeys(("w", "week"), (0, 7, 0)),
    **dict.fromkeys(("mo", "mon", "month"), (1, 0, 0)),
    **dict.fromkeys(("y", "year"), (12, 0, 0)),
}
_SQL_UNITS: Final = (("h", 3_600, "hour"), ("min", 60, "minute"), ("s", 1, "second"))
_CALENDAR_NAMES: Final = {"d": "day", "w": "week", "mo": "month"}

# The hints of core.interval_hint for spellings of others.
_OTHER_SPELLING = re.compile("([0-9]{0,6}) ?([A-Za-z]+)")
_HINTS: Final = (
    (re.compile("T|(?i:m|mins?|minutes?)"), "{}min"),
    (re.compile("(?i:s|secs?|seconds?)"), "{}s"),
    (re.compile("(?i:h|hrs?|hours?)"), "{}h"),
    (re.compile("(?i:b|d|days?)"), "1d"),
    (re.compile("(?i:w|wk|weeks?)"), "1w"),
    (re.compile("MS|ME|(?i:mo|mon|months?)"), "1mo"),
)


@dataclass(frozen=True, slots=True)
class BarInterval:
    """The width of a bar; exactly one of `months`, `days` and `microseconds` is not zero.

    Intervals below a day are a number of `microseconds`. A day, a week and a month are calendar units:
    their bars hold whole sessions, whatever those last. Two spellings of one width are equal (`60min`, `1h`).

    Attributes
    ----------
    text
        The canonical spelling: the largest unit that gives a whole number (`90s`, `5min`, `2h`, `1d`).
    months, days, microseconds
        The parts of the DuckDB INTERVAL; a week is 7 days.
    """

    text: str
    months: int = 0
    days: int = 0
    microseconds: int = 0

    @property
    def is_intraday(self) -> bool:
        """Whether the bar is shorter than a session."""
        return self.microseconds > 0

    def is_multiple_of(self, step_us: int) -> bool:
        """Return whether the interval is a multiple of `step_us` microseconds.

        A day, a week and a month are made of whole days, so every step that divides a day fits into them.
        """
        if step_us <= 0:
            raise IntervalError(f"a bar's width must be above 0 µs, got {step_us}")
        return (self.microseconds or US_PER_DAY) % step_us == 0

    def to_sql_text(self) -> str:
        """The text that DuckDB casts to INTERVAL: `5 minutes`, `1 day`, `1 month`."""
        number, unit = re.match(r"(\d+)(\w+)", self.text).groups()  # type: ignore[union-attr]
        names = {short: name for short, _, name in _SQL_UNITS} | _CALENDAR_NAMES
        return f"{number} {names[unit]}{'' if number == '1' else 's'}"

    def to_timedelta(self) -> timedelta:
        """Return a timedelta, which DuckDB binds as INTERVAL; IntervalError for months."""
        if self.months:
            raise IntervalError(f"{self.text} has no fixed length")
        return timedelta(days=self.days, microseconds=self.microseconds)

    def __str__(self) -> str:
        return self.text


def parse_interval(value: str | timedelta | BarInterval) -> BarInterval:
    """Parse a bar interval.

    Parameters
    ----------
    value
        Text like `30s 1min 5min 1h 1d 1w 1mo` (`m` is minutes), in other words (`5 minutes`, `1 month`) or as DuckDB
        prints an INTERVAL (`00:05:00`), or a timedelta. 24 hours and 168 hours are `1d` and `1w`.

    Raises
    ------
    IntervalError
        Anything else. pandas' spellings (`5T`, `1H`, `1M`) are rejected with the spelling to use, because
        `M` is a month to some and a minute to others. So are widths of more than a day that are not
        `1d`, `1w` or `1mo`. The SQL macros accept and reject the same texts.
    """
    if isinstance(value, BarInterval):
        return value
    if isinstance(value, timedelta):
        parts: tuple[int, int, int] | None = (0, 0, value // timedelta(microseconds=1))
    elif isinstance(value, str):
        parts = _read(value)
    else:
        raise IntervalError(f"a bar interval is text like '5min', got {value!r}; valid: {VALID_INTERVALS}")
    interval = None if parts is None else _interval_of(*parts)
    if interval is None:
        hint = _hint(value) if parts is None and isinstance(value, str) else ""
        raise IntervalError(f"{str(value)!r} is not a bar interval{hint} (valid: {VALID_INTERVALS})")
    return interval


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as an age or a lookback: `30s 5min 36h 2d 1w`; a day is 24 hours.

    Raises
    ------
    IntervalError
        Anything else; months have no fixed length.
    """
    months, days, microseconds = _read(text) or (0, 0, 0)
    length = timedelta(days=days, microseconds=microseconds)
    if months or not length:
        raise IntervalError(f"{text!r} is not a duration; valid: {VALID_DURATIONS}")
    return length


def _read(text: str) -> tuple[int, int, int] | None:
    """Return the months, days and microseconds of a text; None where it cannot be read."""
    if _SPACED_TEXT.fullmatch(f" {text}") is None:
        return None
    months = days = microseconds = 0
    for number, unit, hours, minutes, seconds, fraction in _TOKEN.findall(text):
        if unit:
            parts = _UNITS[unit] if unit in _UNITS else _UNITS[unit.removesuffix("s")]
            months, days = months + int(number) * parts[0], days + int(number) * parts[1]
            microseconds += int(number) * parts[2]
        else:
            total = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
            microseconds += total * US_PER_SECOND + int(fraction.ljust(6, "0"))
    return months, days, microseconds


def _interval_of(months: int, days: int, microseconds: int) -> BarInterval | None:
    match (months, days, microseconds):
        case (1, 0, 0):
            return BarInterval("1mo", months=1)
        case (0, 7, 0) | (0, 0, 604_800_000_000):
            return BarInterval("1w", days=7)
        case (0, 1, 0) | (0, 0, 86_400_000_000):
            return BarInterval("1d", days=1)
    if months or days or not 0 < microseconds < US_PER_DAY or microseconds % US_PER_SECOND:
        return None
    total = microseconds // US_PER_SECOND
    unit, seconds, _ = next(unit for unit in _SQL_UNITS if total % unit[1] == 0)
    return BarInterval(f"{total // seconds}{unit}", microseconds=microseconds)


def _hint(text: str) -> str:
    """Return what to write for a text that cannot be read, behind a colon; empty where that is not known."""
    if re.fullmatch("[0-9]{1,6}", text):
        return f": it has no unit; write {text}min for minutes"
    number, unit = found.groups() if (found := _OTHER_SPELLING.fullmatch(text)) else ("", "")
    if unit == "M":
        return f": M is a minute to some and a month to others: write {number or 1}min or 1mo"
    known = (spelling for words, spelling in _HINTS if words.fullmatch(unit))
    spelling = next(known, None)
    return "" if spelling is None else f": write {spelling.format(number or 1)}"
