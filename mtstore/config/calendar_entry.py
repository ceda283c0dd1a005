"""The models of `calendars`: custom and amended calendars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import Final

from pydantic import Field

from mtstore.config.fields import Clock, Day, Section, Weekday, Zone
from mtstore.custom_calendars import WEEKDAYS, AmendedCalendar, CustomCalendar, OwnCalendar
from mtstore.errors import InputError

_REQUIRED: Final = ("timezone", "open", "close")
_HOURS: Final = {*_REQUIRED, "days", "break_", "from_", "to"}


class CalendarEntry(Section):
    """A custom calendar: hours of its own on weekdays, or the sessions of another one with some dates amended."""

    based_on: str | None = Field(
        default=None,
        description="Calendar whose sessions it has, except on the dates below; without hours of its own.",
        examples=["CMES"],
    )
    timezone: Zone | None = Field(default=None, description="Zone of the hours; required without `based_on`.")
    open: Clock | None = Field(default=None, description="Opening time; required likewise.", examples=["09:30"])
    close: Clock | None = Field(
        default=None,
        description="Closing time; at or before the open: an overnight session, labelled by the date of the close.",
    )
    days: list[Weekday] = Field(
        default_factory=lambda: list(WEEKDAYS[:5]), min_length=1, description="Weekdays of sessions."
    )
    break_: list[Clock] | None = Field(
        default=None,
        alias="break",
        min_length=2,
        max_length=2,
        examples=[["12:00", "13:00"]],
        description="Start and end of a break in each session.",
    )
    holidays: list[Day] = Field(default_factory=list, description="Dates without a session.")
    half_days: dict[Day, Clock] = Field(default_factory=dict, description="Date to closing time.")
    sessions: list[Day] = Field(
        default_factory=list, description="With `based_on`: dates with a session of the usual hours."
    )
    from_: Day | None = Field(default=None, alias="from", description="First session.")
    to: Day | None = Field(default=None, description="Last session.")

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield key and problem of each value that is missing, or contradicts another."""
        if self.based_on is not None:
            for key in sorted(self.model_fields_set & _HOURS):
                yield key.rstrip("_"), f"based_on takes the hours of {self.based_on}; remove this key"
            yield from self.to_calendar("").contradictions()
            return
        missing = [key for key in _REQUIRED if getattr(self, key) is None]
        yield from ((key, "is missing; needed unless based_on names a calendar") for key in missing)
        if self.sessions:
            yield "sessions", "amends another calendar: set based_on"
        if not missing:
            yield from self.to_calendar("").contradictions()

    def to_calendar(self, name: str) -> OwnCalendar:
        """Return the calendar that tickers refer to by `name`."""
        half_days = {day: time.fromisoformat(close) for day, close in self.half_days.items()}
        if self.based_on is not None:
            return AmendedCalendar(
                name, str(self.based_on), frozenset(self.holidays), half_days, frozenset(self.sessions)
            )
        if self.timezone is None or self.open is None or self.close is None:
            raise InputError(f"calendars.{name}: needs based_on, or timezone, open and close")
        break_start, break_end = map(time.fromisoformat, self.break_) if self.break_ else (None, None)
        return CustomCalendar(
            name=name,
            timezone=self.timezone,
            open=time.fromisoformat(self.open),
            close=time.fromisoformat(self.close),
            days=frozenset(self.days),
            break_start=break_start,
            break_end=break_end,
            holidays=frozenset(self.holidays),
            half_days=half_days,
            first=self.from_,
            last=self.to,
        )
