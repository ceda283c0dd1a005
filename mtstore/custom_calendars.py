"""Custom calendars: the same hours on the same weekdays, except holidays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from mtstore.arguments import did_you_mean
from mtstore.bounds import parse_zone
from mtstore.errors import InputError

FIRST_SESSION: Final = date(1990, 1, 1)
"""The first date of any calendar's sessions; calendars of the library may begin later."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY: Final = 1_440  # minutes

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?\Z")


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

    @classmethod
    def from_mapping(cls, name: str, mapping: Mapping[str, Any]) -> CustomCalendar:
        """Read one calendar of a YAML file, with times and dates as text.

        Keys: `timezone`, `open`, `close` (required); `days`, `break` (a pair of times), `holidays`,
        `half_days` (date to closing time), `from`, `to`.

        Raises
        ------
        InputError
            An unknown or missing key, or a value that cannot be read; it names the calendar and the key.
        """
        valid = ("timezone", "open", "close", "days", "break", "holidays", "half_days", "from", "to")
        where = f"calendar {name!r}"
        for key in mapping:
            if key not in valid:
                raise InputError(f"{where}: unknown key {key!r}{did_you_mean(key, valid)} (valid: {', '.join(valid)})")
        for key in ("timezone", "open", "close"):
            if key not in mapping:
                raise InputError(f"{where}: {key!r} is missing")

        def clock(value: object, key: str) -> time:
            return parse_clock(value, f"{where}: {key!r}")

        def day(value: object, key: str) -> date:
            return _parse_date(value, f"{where}: {key!r}")

        def listed(key: str, default: Sequence[str] = ()) -> Sequence[object]:
            value = mapping.get(key, default)
            if not isinstance(value, list | tuple):
                raise InputError(f"{where}: {key!r} is a list, got {value!r}")
            return value

        pause = mapping.get("break")
        if pause is not None and (not isinstance(pause, list | tuple) or len(pause) != 2):
            raise InputError(f"{where}: 'break' is two times like ['12:00', '13:00'], got {pause!r}")
        half_days = mapping.get("half_days", {})
        if not isinstance(half_days, Mapping):
            raise InputError(f"{where}: 'half_days' maps dates to closing times, got {half_days!r}")
        return cls(
            name=name,
            timezone=parse_zone(str(mapping["timezone"])).key,
            open=clock(mapping["open"], "open"),
            close=clock(mapping["close"], "close"),
            days=parse_weekdays(listed("days", WEEKDAYS[:5]), where),
            break_start=clock(pause[0], "break") if pause else None,
            break_end=clock(pause[1], "break") if pause else None,
            holidays=frozenset(day(one, "holidays") for one in listed("holidays")),
            half_days={day(one, "half_days"): clock(close, "half_days") for one, close in half_days.items()},
            first=day(mapping["from"], "from") if "from" in mapping else None,
            last=day(mapping["to"], "to") if "to" in mapping else None,
        )

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


def _minutes(clock: time) -> float:
    return clock.hour * 60 + clock.minute + clock.second / 60


def parse_weekdays(days: Sequence[object], where: str) -> frozenset[str]:
    """Read names of weekdays (`mon`, `Monday`); `where` begins the error's sentence."""
    found = frozenset(str(day).lower()[:3] for day in days)
    if not found or not found <= set(WEEKDAYS):
        raise InputError(f"{where}: 'days' are some of {', '.join(WEEKDAYS)}, got {[*days]!r}")
    return found


def parse_clock(value: object, where: str) -> time:
    """Read a wall time written 'HH:MM' or 'HH:MM:SS'; `where` begins the error's sentence."""
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
