"""Custom calendars: hours of their own, or the sessions of another calendar with some dates amended."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from mtstore.errors import InputError

FIRST_SESSION: Final = date(1990, 1, 1)
"""The first date of any calendar's sessions; calendars of the library may begin later."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY: Final = 1_440  # minutes

# Raise it when code here or in `calendars` changes the sessions of a definition: stores then compute them again.
_RULES_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class CustomCalendar:
    """A custom calendar: the same hours on the same weekdays, except holidays.

    Attributes
    ----------
    name
        The name by which tickers refer to it.
    timezone
        The IANA zone of all its times.
    open, close
        Wall times; a close at or before the open is an overnight session, labelled by the close's date.
    days
        Weekdays (`mon` … `sun`) of the sessions' dates.
    break_start, break_end
        A daily break within the session, or None.
    holidays
        Dates without a session.
    half_days
        The close of each session that ends early.
    first, last
        The dates between which there are sessions; None leaves 1990-01-01 and the end of next year.
    """

    name: str
    timezone: str
    open: time
    close: time
    days: frozenset[str] = frozenset(WEEKDAYS[:5])
    break_start: time | None = None
    break_end: time | None = None
    holidays: frozenset[date] = frozenset()
    half_days: Mapping[date, time] | None = None
    first: date | None = None
    last: date | None = None

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield key and problem of each value that contradicts another: breaks and closes outside the hours."""
        length = self._since_open(self.close) or _DAY
        if self.break_start is not None and self.break_end is not None:
            start, end = self._since_open(self.break_start), self._since_open(self.break_end)
            if not start < end <= length:
                pause = f"[{self.break_start:%H:%M}, {self.break_end:%H:%M}]"
                yield "break", f"{pause} is not, in this order, within {self._hours}"
        for day, clock in (self.half_days or {}).items():
            # An overnight session ends on its own date, and so does its half day.
            early = _minutes(clock) - _minutes(self.open) + (_DAY if self.close <= self.open else 0)
            if not 0 < early <= length:
                yield "half_days", f"{day}: {clock:%H:%M} is not within {self._hours}"
        if self.first is not None and self.last is not None and self.first > self.last:
            yield "to", f"{self.last} is before from {self.first}"

    @property
    def _hours(self) -> str:
        return f"[{self.open:%H:%M}, {self.close:%H:%M})"

    def _since_open(self, clock: time) -> float:
        return (_minutes(clock) - _minutes(self.open)) % _DAY

    def sessions(self, last: date) -> Iterator[dict[str, Any]]:
        """Yield the sessions up to `last`, included, as rows of `session_schema()`."""
        zone = ZoneInfo(self.timezone)
        half_days = self.half_days or {}
        day = max(self.first or FIRST_SESSION, FIRST_SESSION)
        while day <= min(self.last or last, last):
            if WEEKDAYS[day.weekday()] in self.days and day not in self.holidays:
                yield self._session(day, zone, half_days.get(day))
            day += timedelta(days=1)

    def _session(self, day: date, zone: ZoneInfo, early_close: time | None) -> dict[str, Any]:
        def instant(clock: time) -> datetime:
            is_evening_before = self.close <= self.open and clock >= self.open
            on = day - timedelta(days=1) if is_evening_before else day
            return datetime.combine(on, clock, zone).astimezone(UTC)

        opened = instant(self.open)
        closed = datetime.combine(day, early_close or self.close, zone).astimezone(UTC)
        pause: tuple[datetime | None, datetime | None] = (None, None)
        if self.break_start is not None and self.break_end is not None:
            start, end = instant(self.break_start), min(instant(self.break_end), closed)
            pause = (start, end) if start < closed else pause
        return {
            "calendar": self.name,
            "session_date": day,
            "open_ts": opened,
            "close_ts": closed,
            "break_start_ts": pause[0],
            "break_end_ts": pause[1],
            "is_half_day": early_close is not None,
        }


@dataclass(frozen=True, slots=True)
class AmendedCalendar:
    """A calendar with the sessions of another one, except on some dates.

    Attributes
    ----------
    name
        The name by which tickers refer to it.
    based_on
        A calendar of the library or of a product group.
    holidays
        Dates without a session.
    half_days
        The close of each session that ends early, in the zone of `based_on`.
    extra_sessions
        Dates with a session, at the hours of the last full session before.
    """

    name: str
    based_on: str
    holidays: frozenset[date] = frozenset()
    half_days: Mapping[date, time] | None = None
    extra_sessions: frozenset[date] = frozenset()

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield key and problem of each date that is both a holiday and a session."""
        for key, days in (("half_days", (self.half_days or {}).keys()), ("sessions", self.extra_sessions)):
            for day in sorted(self.holidays & days):
                yield key, f"{day} is one of the holidays, too"

    def amend(self, base: Sequence[Mapping[str, Any]], timezone: str) -> Iterator[dict[str, Any]]:
        """Yield the sessions of `base`, rows of `session_schema()`, as amended.

        Raises
        ------
        InputError
            A half day is not a session, or would not close within its hours.
        """
        zone, half_days = ZoneInfo(timezone), self.half_days or {}
        rows = {row["session_date"]: {**row, "calendar": self.name} for row in base}
        usual_days = sorted(day for day, row in rows.items() if not row["is_half_day"])

        def usual_hours(day: date) -> dict[str, Any]:
            place = bisect_right(usual_days, day) - 1
            return _moved(rows[usual_days[max(place, 0)]], day, zone)

        for day in self.extra_sessions - rows.keys():
            rows[day] = usual_hours(day)
        for day, clock in half_days.items():
            close = datetime.combine(day, clock, zone).astimezone(UTC)
            # A later close than that of the base is one of the usual hours, too.
            row = usual_hours(day) | {"open_ts": rows[day]["open_ts"]} if day in rows else None
            if row is None or not row["open_ts"] < close <= row["close_ts"]:
                hours = "no session" if row is None else f"{row['open_ts']:%F %H:%M} to {row['close_ts']:%F %H:%M} UTC"
                raise InputError(
                    f"calendars.{self.name}.half_days: {day}: {clock:%H:%M} in {timezone} is not within the hours: "
                    f"{self.based_on} has {hours} on that date"
                )
            rows[day] = _closed_at(row, close)
        yield from (rows[day] for day in sorted(rows) if day not in self.holidays)


OwnCalendar: TypeAlias = CustomCalendar | AmendedCalendar


def definition_digest(calendar: OwnCalendar, *context: object) -> str:
    """Return a digest that two calendars share only if they are equal and computed in the same context."""
    values = asdict(calendar)
    for name, value in values.items():
        if isinstance(value, frozenset | dict):  # their order differs between processes
            values[name] = sorted(value.items() if isinstance(value, dict) else value)
    text = repr((_RULES_VERSION, type(calendar).__name__, sorted(values.items()), context))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def extrapolate(rows: Sequence[Mapping[str, Any]], last: date, timezone: str) -> Iterator[dict[str, Any]]:
    """Yield sessions after the last of `rows` up to `last`: its usual hours on each weekday that `rows` have."""
    usual = [row for row in rows if not row["is_half_day"]]
    if not usual:
        return
    weekdays = {row["session_date"].weekday() for row in rows}
    # Calendars end with a year; what follows its last session is holidays.
    day = date(rows[-1]["session_date"].year + 1, 1, 1)
    while day <= last:
        if day.weekday() in weekdays:
            yield _moved(usual[-1], day, ZoneInfo(timezone)) | {"is_extrapolated": True}
        day += timedelta(days=1)


def _moved(row: Mapping[str, Any], day: date, zone: ZoneInfo) -> dict[str, Any]:
    """Return a session at the same wall times on another date."""
    shift = day - row["session_date"]

    def instant(value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        wall = value.astimezone(zone).replace(tzinfo=None) + shift
        return wall.replace(tzinfo=zone).astimezone(UTC)

    return {name: instant(value) for name, value in row.items()} | {"session_date": day}


def _closed_at(row: Mapping[str, Any], close: datetime) -> dict[str, Any]:
    """Return a session that ends early, without a break that it does not reach."""
    pause: dict[str, Any] = {}
    if row["break_start_ts"] is not None:
        reached = row["break_start_ts"] < close
        pause["break_start_ts"] = row["break_start_ts"] if reached else None
        pause["break_end_ts"] = min(row["break_end_ts"], close) if reached else None
    return {**row, **pause, "close_ts": close, "is_half_day": True}


def _minutes(clock: time) -> float:
    return clock.hour * 60 + clock.minute + clock.second / 60
