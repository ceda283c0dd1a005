"""Parse bar intervals such as `30s 1min 5min 1h 1d 1w 1mo`, and durations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Final

from mtstore.errors import IntervalError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND

VALID_INTERVALS: Final = (
    "30s, 1min (= 1m), 5min, 1h and other whole seconds, minutes and hours below a day, 1d, 1w, 1mo"
)
"""The valid intervals, for error messages and help texts."""

VALID_DURATIONS: Final = "a whole number of s, min (= m), h, d or w, like 30min or 2d"

# Unicode's digits and blanks are not int()'s, and int() rejects thousands of digits.
_TEXT = re.compile(r"\s*([0-9]{1,300}(?:\.[0-9]{1,300})?)?\s*([A-Za-z]+)\s*\Z", re.ASCII)
_NUMBER = re.compile(r"\s*([0-9]{1,300})\s*\Z", re.ASCII)
_INTRADAY_SECONDS: Final = {"s": 1, "min": 60, "m": 60, "h": 3_600}
_CALENDAR_UNITS: Final = ("d", "w", "mo")
_CALENDAR_NAMES: Final = {"d": "day", "w": "week", "mo": "month"}
_SQL_UNITS: Final = (("h", 3_600, "hour"), ("min", 60, "minute"), ("s", 1, "second"))
_OTHER_SPELLINGS: Final = {
    "T": "min", "MIN": "min", "MINS": "min", "MINUTE": "min", "MINUTES": "min",
    "S": "s", "SEC": "s", "SECS": "s", "SECOND": "s", "SECONDS": "s",
    "H": "h", "HR": "h", "HRS": "h", "HOUR": "h", "HOURS": "h",
    "D": "d", "DAY": "d", "DAYS": "d", "B": "d",
    "W": "w", "WK": "w", "WEEK": "w", "WEEKS": "w",
    "MO": "mo", "MON": "mo", "MONTH": "mo", "MONTHS": "mo", "MS": "mo", "ME": "mo",
}  # fmt: skip


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
        Text like `30s 1min 5min 1h 1d 1w 1mo` (`m` is minutes), or a timedelta (1 day and 7 days mean
        `1d` and `1w`).

    Raises
    ------
    IntervalError
        For anything else. pandas' spellings (`5T`, `1H`, `1M`) are refused with the spelling to use, since
        `M` reads as a month to some and as a minute to others; so are widths of more than a day that are not
        `1d`, `1w` or `1mo`.
    """
    if isinstance(value, BarInterval):
        return value
    if isinstance(value, timedelta):
        return _from_timedelta(value)
    if not isinstance(value, str):
        raise IntervalError(f"a bar interval is text like '5min', got {value!r}; valid: {VALID_INTERVALS}")
    match = _TEXT.match(value)
    if match is None:
        raise _invalid(value, _hint_for_text(value))
    number, unit = match.groups()
    if unit in _INTRADAY_SECONDS or unit in _CALENDAR_UNITS:
        return _from_parts(value, number, unit)
    raise _invalid(value, _hint_for_unit(number or "1", unit))


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as an age or a lookback: `30s 5min 36h 2d 1w`; a day is 24 hours.

    Raises
    ------
    IntervalError
        Anything else; months have no fixed length.
    """
    match = re.match(r"([0-9]{1,9})(s|min|m|h|d|w)\Z", text)
    seconds = int(match[1]) * (_INTRADAY_SECONDS | {"d": 86_400, "w": 7 * 86_400})[match[2]] if match else 0
    if not 0 < seconds <= timedelta.max // timedelta(seconds=1):
        raise IntervalError(f"{text!r} is not a duration; valid: {VALID_DURATIONS}")
    return timedelta(seconds=seconds)


def _from_timedelta(value: timedelta) -> BarInterval:
    microseconds = value // timedelta(microseconds=1)
    if microseconds == US_PER_DAY:
        return _calendar_interval("d")
    if microseconds == 7 * US_PER_DAY:
        return _calendar_interval("w")
    if microseconds <= 0:
        raise _invalid(str(value), "a bar must be longer than zero")
    if microseconds > US_PER_DAY:
        raise _invalid(str(value), "above a day there are only 1d, 1w and 1mo")
    if microseconds % US_PER_SECOND:
        raise _invalid(str(value), "bars last whole seconds")
    return _intraday_interval(microseconds // US_PER_SECOND)


def _from_parts(text: str, number: str | None, unit: str) -> BarInterval:
    if number is None:
        raise _invalid(text, f"write 1{unit}")
    amount = Fraction(number)
    if amount == 0:
        raise _invalid(text, "a bar must be longer than zero")
    if unit in _CALENDAR_UNITS:
        if amount != 1:
            raise _invalid(text, f"above a day there are only 1d, 1w and 1mo; write 1{unit}")
        hint, interval = f"1{unit}", _calendar_interval(unit)
    else:
        seconds = amount * _INTRADAY_SECONDS[unit]
        if seconds >= 86_400:
            raise _invalid(text, "a day and more are calendar units: write 1d, 1w or 1mo")
        if seconds.denominator != 1:
            raise _invalid(text, "bars last whole seconds")
        interval = _intraday_interval(int(seconds))
        hint = interval.text if amount.denominator != 1 else f"{int(amount)}{unit}"
    if text != f"{number}{unit}" or number != hint.removesuffix(unit):
        raise _invalid(text, f"write {hint}")
    return interval


def _intraday_interval(seconds: int) -> BarInterval:
    for unit, unit_seconds, _ in _SQL_UNITS:
        if seconds % unit_seconds == 0:
            return BarInterval(f"{seconds // unit_seconds}{unit}", microseconds=seconds * US_PER_SECOND)
    raise AssertionError("whole seconds always divide by one second")


def _calendar_interval(unit: str) -> BarInterval:
    return BarInterval(f"1{unit}", months=int(unit == "mo"), days={"d": 1, "w": 7, "mo": 0}[unit])


def _hint_for_unit(number: str, unit: str) -> str | None:
    if unit == "M":
        return f"M is a minute to some and a month to others: write {number}min or 1mo"
    if unit.upper() in ("MS", "US", "NS") and unit.islower():
        return "bars last whole seconds"
    known = _OTHER_SPELLINGS.get(unit.upper())
    if known is None:
        return None
    return f"write {1 if known in _CALENDAR_UNITS else number}{known}"


def _hint_for_text(text: str) -> str | None:
    if re.match(r"\s*-", text):
        return "a bar must be longer than zero"
    if number := _NUMBER.match(text):
        return f"it has no unit; write {int(number[1]) or 5}min for minutes"
    return None


def _invalid(text: str, hint: str | None) -> IntervalError:
    reason = f": {hint}" if hint else ""
    return IntervalError(f"{text!r} is not a bar interval{reason} (valid: {VALID_INTERVALS})")
