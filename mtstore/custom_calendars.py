"""Calendars that people write down themselves: the same hours on the same weekdays, less holidays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from mtstore.arguments import did_you_mean
from mtstore.bounds import parse_zone
from mtstore.errors import InputError

FIRST_SESSION: Final = date(1990, 1, 1)
"""No session before this date is listed; where the library's own bound is later, that bound holds."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY: Final = 1_440  # minutes

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\Z")


@dataclass(frozen=True, slots=True)
class OwnCalendar:
    """A calendar that somebody wrote down: the same hours on the same weekdays, less holidays.

    Attributes
    ----------
    name
        What tickers call it.
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

    @classmethod
    def from_mapping(cls, name: str, mapping: Mapping[str, Any]) -> OwnCalendar:
        """Read one calendar of a YAML file, whose times and dates are text.

        Keys: `timezone`, `open`, `close` (required); `days`, `break` (a pair of times), `holidays`,
        `half_days` (date to closing time), `from`, `to`.

        Raises
        ------
        InputError
            An unknown or missing key, or a value that cannot be read; it names the calendar and the key.
        """
        valid = ("timezone", "open", "close", "days", "break", "holidays", "half_days", "from", "to")
        for key in mapping:
            if key not in valid:
                hint = did_you_mean(key, valid)
                raise InputError(f"calendar {name!r}: unknown key {key!r}{hint} (valid: {', '.join(valid)})")
        for key in ("timezone", "open", "close"):
            if key not in mapping:
                raise InputError(f"calendar {name!r}: {key!r} is missing")
        where = f"calendar {name!r}"
        pause = mapping.get("break")
        if pause is not None and (isinstance(pause, str) or len(pause) != 2):
            raise InputError(f"{where}: 'break' is two times like ['12:00', '13:00'], got {pause!r}")
        days = frozenset(str(day).lower()[:3] for day in mapping.get("days", WEEKDAYS[:5]))
        if not days or not days <= set(WEEKDAYS):
            raise InputError(f"{where}: 'days' are some of {', '.join(WEEKDAYS)}, got {mapping['days']!r}")
        return cls(
            name=name,
            timezone=parse_zone(str(mapping["timezone"])).key,
            open=parse_clock(mapping["open"], f"{where}: 'open'"),
            close=parse_clock(mapping["close"], f"{where}: 'close'"),
            days=days,
            break_start=None if pause is None else parse_clock(pause[0], f"{where}: 'break'"),
            break_end=None if pause is None else parse_clock(pause[1], f"{where}: 'break'"),
            holidays=frozenset(_parse_date(day, f"{where}: 'holidays'") for day in mapping.get("holidays", ())),
            half_days={
                _parse_date(day, f"{where}: 'half_days'"): parse_clock(close, f"{where}: 'half_days'")
                for day, close in mapping.get("half_days", {}).items()
            },
            first=_parse_date(mapping["from"], f"{where}: 'from'") if "from" in mapping else None,
            last=_parse_date(mapping["to"], f"{where}: 'to'") if "to" in mapping else None,
        )

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Keys, and what is wrong with them, of hours that no session can have: it must hold its break, and end."""
        length = self._since_open(self.close) or _DAY
        if self.break_start is not None and self.break_end is not None:
            start, end = self._since_open(self.break_start), self._since_open(self.break_end)
            if not start < end <= length:
                pause = f"[{self.break_start:%H:%M}, {self.break_end:%H:%M}]"
                yield "break", f"{pause} does not lie, in this order, within {self._hours}"
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
        """The sessions up to `last`, included, as rows of `session_schema()`."""
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


def _minutes(clock: time) -> float:
    return clock.hour * 60 + clock.minute + clock.second / 60


def parse_clock(value: object, where: str) -> time:
    """A wall time written 'HH:MM' or 'HH:MM:SS'; `where` begins the error's sentence."""
    match = _CLOCK.match(value) if isinstance(value, str) else None
    if match is None:
        raise InputError(f"{where} is a time like '09:30', got {value!r}")
    return time(int(match[1]), int(match[2]), int(match[3] or 0))


def _parse_date(value: object, where: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise InputError(f"{where} holds dates like '2024-12-25', got {value!r}") from error
