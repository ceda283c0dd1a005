"""Parse the start and end that a caller gave: dates select whole sessions, other values are instants."""

from __future__ import annotations

import functools
import re
import sys
import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from mtstore.arguments import did_you_mean
from mtstore.errors import InputError, RangeError
from mtstore.ranges import midnight_us

if TYPE_CHECKING:
    import numpy as np

    BoundLike: TypeAlias = str | date | np.datetime64 | None

Bound: TypeAlias = date | datetime | None
"""A date (whole sessions), an instant (an aware datetime in UTC, whole microseconds), or None (unbounded)."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_DATETIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?:\.(?P<fraction>[0-9]{1,9}))?\s?(?P<offset>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?\Z",
    re.IGNORECASE,
)
_VALID_BOUNDS = "a date '2023-01-31', a time '2023-01-31 09:30', an instant '2023-01-31T09:30:00-05:00', or None"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A session may open the evening before its date, and its zone may lie half a day from UTC on either side.
_SESSION_MARGIN = timedelta(days=2)
# Zones, whole days and sessions around a bound must be dates, too; no bar is that far out.
_FIRST_DAY, _LAST_DAY = date.min + timedelta(days=2), date.max - timedelta(days=2)
_FIRST_INSTANT, _LAST_INSTANT = (
    datetime.min.replace(tzinfo=UTC) + timedelta(days=1),
    datetime.max.replace(tzinfo=UTC) - timedelta(days=1),
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """A requested range: `[start, end)` between instants, both ends included between dates.

    `start` and `end` can be bound as they are to the macros' `start_ts` and `end_ts`: DuckDB reads a
    `date` as DATE and an aware `datetime` as TIMESTAMPTZ, and the macros keep the difference.

    Attributes
    ----------
    start, end
        A `date`, which selects whole sessions by their `session_date`; an instant as an aware datetime
        in UTC; or None.
    tz
        The IANA zone in which naive times were read.
    """

    start: Bound
    end: Bound
    tz: str

    def covering_us(self) -> tuple[int | None, int | None]:
        """Return instants `[start_us, end_us)`, µs since the epoch, that contain all that the bounds can select.

        Exact for instants; for dates, wide enough for the sessions of any calendar. It chooses files,
        not rows.
        """
        start, end = self.start, self.end
        return (
            None if start is None else _microseconds(_as_instant(start, -_SESSION_MARGIN)),
            None if end is None else _microseconds(_as_instant(end, _SESSION_MARGIN + timedelta(days=1))),
        )

    def as_days_us(self) -> tuple[int, int]:
        """Return instants `[start_us, end_us)`, µs since the epoch; dates are days of `tz`, the end date included.

        For ranges that do not select sessions, such as those that a file covers. An open end is a RangeError.
        """
        if self.start is None or self.end is None:
            raise RangeError(f"the range {self} must have both ends")
        start_us, end_us = (
            _microseconds(bound) if isinstance(bound, datetime) else midnight_us(bound + days, parse_zone(self.tz))
            for bound, days in ((self.start, timedelta(0)), (self.end, timedelta(days=1)))
        )
        return start_us, end_us

    def __str__(self) -> str:
        start, end = (None if bound is None else _to_text(bound) for bound in (self.start, self.end))
        if isinstance(self.end, date) and not isinstance(self.end, datetime):
            return f"{start or 'the beginning'} up to and including {end}"
        return f"{start or 'the beginning'} up to {end or 'now'}"


def parse_bounds(start: BoundLike = None, end: BoundLike = None, *, tz: str = "UTC") -> Bounds:
    """Parse the two ends of a range.

    Parameters
    ----------
    start, end
        A bare date (a `date`, a day-precise `numpy.datetime64`, or text like '2023-01-31') selects whole
        sessions, the end date included. A time with an offset or a zone is an instant. A naive time (text,
        datetime, Timestamp, datetime64; midnight too) is wall time in `tz`. None leaves that end open.
        Between instants the range is half-open. A bound in the first or last two days of the years 1 to 9999 is
        moved inwards.
    tz
        An IANA zone name.

    Raises
    ------
    RangeError
        A bound cannot be read, names a wall time that `tz` does not have or has twice, or start is not
        before end.
    InputError
        `tz` is not a known zone.
    """
    zone = parse_zone(tz)
    bounds = Bounds(_parse_bound("start", start, zone), _parse_bound("end", end, zone), tz)
    _check_order(bounds)
    return Bounds(_clamped(bounds.start), _clamped(bounds.end), tz)


def warn_of_midnight_end(end: Any, bounds: Bounds) -> None:
    """Warn where the end of a range is an instant that looks like a date, so that its day is not in the range.

    Such are midnights in the range's zone: a Timestamp, a naive `datetime`, or a `datetime64`. Texts with a time and
    aware datetimes are taken as meant.
    """
    is_meant = isinstance(end, str) or (type(end) is datetime and end.tzinfo is not None)
    if is_meant or not isinstance(bounds.end, datetime):
        return
    local = bounds.end.astimezone(ZoneInfo(bounds.tz))
    if local.time() == time.min:
        day = local.date().isoformat()
        text = (
            f"end {end!r} is an instant, midnight: {day} is not in the range; "
            f"write {day!r} for the whole session, '{day} 00:00' for the instant"
        )
        warnings.warn(text, stacklevel=_stacklevel_of_caller())


def _stacklevel_of_caller() -> int:
    """Return the stack level, for the function that called, of the first frame outside of this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        frame, level = frame.f_back, level + 1
    return level


def parse_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name (`America/New_York`, `US/Eastern`); InputError names the nearest."""
    names = zone_names()
    if isinstance(name, str) and name in names:
        return ZoneInfo(name)
    hint = did_you_mean(name, names) or "; names are IANA's, like 'America/New_York'"
    raise InputError(f"unknown time zone {name!r}{hint}")


@functools.cache
def zone_names() -> frozenset[str]:
    """Return the IANA names of the installed `tzdata`."""
    text = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(text.split())


def _parse_bound(which: str, value: Any, zone: ZoneInfo) -> Bound:
    if value is None:
        return None
    if isinstance(value, str):
        return _parse_text(which, value, zone)
    if isinstance(value, datetime):
        return _parse_datetime(which, value, zone)
    if isinstance(value, date):
        return value
    if type(value).__module__ == "numpy" and type(value).__name__ == "datetime64":
        return _parse_datetime64(which, value, zone)
    raise RangeError(f"{which} is {value!r}, a {type(value).__name__}; valid: {_VALID_BOUNDS}")


def _parse_text(which: str, text: str, zone: ZoneInfo) -> Bound:
    stripped = text.strip()
    matched = _DATETIME.match(stripped)
    if matched is None and not _DATE.match(stripped):
        raise RangeError(f"{which} {text!r} cannot be read; valid: {_VALID_BOUNDS}")
    try:
        if matched is None:
            return date.fromisoformat(stripped)
        offset = (matched["offset"] or "").upper()
        moment = datetime.fromisoformat(f"{matched['date']}T{matched['clock']}{offset}")
    except ValueError as error:
        raise RangeError(f"{which} {text!r} is not a date or time: {error}") from error
    nanoseconds = int((matched["fraction"] or "0").ljust(9, "0"))
    return _to_instant(which, moment, nanoseconds, zone)


def _parse_datetime(which: str, value: datetime, zone: ZoneInfo) -> datetime:
    if value != value:  # noqa: PLR0124  # NaT is the only datetime that differs from itself
        raise RangeError(f"{which} is NaT; valid: {_VALID_BOUNDS}")
    nanoseconds = value.microsecond * 1_000 + getattr(value, "nanosecond", 0)
    plain = datetime(*value.timetuple()[:6], tzinfo=value.tzinfo, fold=value.fold)
    return _to_instant(which, plain, nanoseconds, zone)


def _parse_datetime64(which: str, value: np.datetime64, zone: ZoneInfo) -> Bound:
    import numpy as np

    if np.isnat(value):
        raise RangeError(f"{which} is NaT; valid: {_VALID_BOUNDS}")
    # numpy writes as many digits as the value's unit has, so that days are dates and months are rejected.
    text = str(value)
    if re.search(r"T[0-9]{2}\Z", text):
        text += ":00"
    return _parse_text(which, text, zone)


def _to_instant(which: str, moment: datetime, nanoseconds: int, zone: ZoneInfo) -> datetime:
    """`moment` (whole seconds) plus its fraction, in UTC.

    The fraction is rounded up to a microsecond: bars open on whole ones, so none changes sides.
    """
    try:
        aware = moment if moment.utcoffset() is not None else _localize(which, moment.replace(tzinfo=None), zone)
        return aware.astimezone(UTC) + timedelta(microseconds=-(-nanoseconds // 1_000))
    except OverflowError as error:
        raise RangeError(f"{which} {moment.isoformat()} is outside of the years 1 to 9999") from error


def _localize(which: str, wall: datetime, zone: tzinfo) -> datetime:
    """Return the instant at which clocks in `zone` show `wall`; it must exist exactly once."""
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != wall:
        raise RangeError(f"{which} {wall} does not exist in {zone}: clocks skip it; give it with an offset")
    raise RangeError(
        f"{which} {wall} happens twice in {zone}; give it with an offset: {first.isoformat()} or {second.isoformat()}"
    )


def _check_order(bounds: Bounds) -> None:
    start, end = bounds.start, bounds.end
    if start is None or end is None:
        return
    kinds = {isinstance(start, datetime), isinstance(end, datetime)}
    if kinds == {True}:
        is_empty = start >= end
    elif kinds == {False}:
        is_empty = start > end
    else:
        # A session and the day of its label are up to a day apart.
        is_empty = _local_date(start, bounds.tz) - _local_date(end, bounds.tz) > timedelta(days=1)
    if is_empty:
        raise RangeError(f"start {_to_text(start)} is not before end {_to_text(end)}")


def _clamped(bound: Bound) -> Bound:
    if bound is None:
        return None
    if not isinstance(bound, datetime):
        return min(max(bound, _FIRST_DAY), _LAST_DAY)
    return min(max(bound, _FIRST_INSTANT), _LAST_INSTANT)


def _local_date(bound: date | datetime, tz: str) -> date:
    inner = _clamped(bound)  # a zone's clock may show a year beyond 1 to 9999
    return inner.astimezone(ZoneInfo(tz)).date() if isinstance(inner, datetime) else bound


def _as_instant(bound: date | datetime, margin: timedelta) -> datetime:
    if isinstance(bound, datetime):
        return bound
    midnight = datetime(bound.year, bound.month, bound.day, tzinfo=UTC)
    try:
        return midnight + margin
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if margin < timedelta(0) else datetime.max.replace(tzinfo=UTC)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _to_text(bound: date | datetime) -> str:
    return bound.isoformat()
