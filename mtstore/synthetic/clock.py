"""Sessions of a real exchange calendar, cut into the slots in which the synthetic market can trade."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from mtstore.errors import InputError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND

if TYPE_CHECKING:
    import pandas as pd

PRE, REGULAR, POST = 0, 1, 2

# Pre- and post-market exist for US equities only; on a half day trading ends four hours after the early close.
_EXTENDED_CALENDARS = frozenset({"XNYS", "XNAS", "NYSE", "NASDAQ", "ARCX", "BATS", "IEXG"})
_EXTENDED_OPEN_SECONDS, _EXTENDED_CLOSE_SECONDS = 4 * 3600, 20 * 3600
_YEARS_AT_ONCE = 25
_AFTER_CLOSE_SECONDS = 4 * 3600


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one year, one element each; instants in seconds since the epoch.

    `first` to `last` is all trading, `opens` to `closes` the regular session. Without a break its two ends are equal.
    """

    labels: np.ndarray
    first: np.ndarray
    opens: np.ndarray
    break_start: np.ndarray
    break_end: np.ndarray
    closes: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def is_regular(self, second: int) -> bool:
        """Return whether a second is in a regular session, outside of its break."""
        inside = (self.opens <= second) & (second < self.closes)
        return bool((inside & ~((self.break_start <= second) & (second < self.break_end))).any())

    def take(self, chosen: np.ndarray) -> Sessions:
        """Return the sessions of a boolean mask."""
        return Sessions(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Slots:
    """The possible bars of a month, one element each, in order of time.

    `seconds` is the bar's open, `session` counts the month's sessions, `phase` is PRE, REGULAR or POST and `shape` the
    usual volume at that time of the day (1 on average in the regular session). `open_slot` and `close_slot`
    are each session's first and last regular slot.
    """

    sessions: Sessions
    seconds: np.ndarray
    session: np.ndarray
    phase: np.ndarray
    shape: np.ndarray
    open_slot: np.ndarray
    close_slot: np.ndarray


@dataclass(frozen=True, slots=True)
class Clock:
    """The trading hours of an exchange; equal clocks share their cached calendars."""

    calendar: str
    extended_hours: bool = True

    @property
    def tz(self) -> str:
        """The exchange's IANA zone."""
        return _calendar_tz(self.calendar)

    @property
    def has_extended_hours(self) -> bool:
        return self.extended_hours and self.calendar in _EXTENDED_CALENDARS

    def year(self, year: int) -> Sessions:
        """Return the sessions whose date is in a year."""
        return _year_sessions(self, year)

    def month(self, year: int, month: int, step_seconds: int) -> Slots:
        """Return the slots of the sessions whose date is in a month."""
        return _month_slots(self, year, month, step_seconds)

    def months_between(self, start_us: int, end_us: int) -> list[tuple[int, int]]:
        """Return (year, month) of each month whose sessions can contain an instant of `[start_us, end_us)`."""
        # A session's bars are within two days of its date, in any zone.
        days = np.array([start_us // US_PER_DAY - 2, -(-end_us // US_PER_DAY) + 2])
        first, last = days.astype("datetime64[D]").astype("datetime64[M]").astype(int)
        months = [(1970 + index // 12, index % 12 + 1) for index in range(int(first), int(last) + 1)]
        return [month for month in months if self._trades_within(*month, start_us, end_us)]

    def _trades_within(self, year: int, month: int, start_us: int, end_us: int) -> bool:
        sessions = self.sessions_of_month(year, month)
        return bool(
            len(sessions)
            and sessions.first[0] * US_PER_SECOND < end_us
            and start_us < sessions.last[-1] * US_PER_SECOND
        )

    def sessions_of_month(self, year: int, month: int) -> Sessions:
        """Return the sessions whose date is in a month."""
        whole_year = self.year(year)
        return whole_year.take(whole_year.labels.astype("datetime64[M]") == np.datetime64(f"{year}-{month:02}"))


@functools.cache
def _calendar_tz(name: str) -> str:
    import exchange_calendars

    try:
        return str(exchange_calendars.get_calendar(name).tz)
    except exchange_calendars.errors.InvalidCalendarName as error:
        known = ", ".join(("XNYS", "XNAS", "XLON", "XHKG", "CMES", "24/7"))
        raise InputError(f"calendar {name!r} is not one of exchange_calendars' ({known}, …)") from error


@functools.lru_cache(maxsize=32)
def _schedule(name: str, first_year: int) -> pd.DataFrame:
    """Return opens, closes and breaks of some years; a calendar of many years costs as much as of one."""
    import exchange_calendars
    import pandas as pd

    default = exchange_calendars.get_calendar(name)
    lowest, highest = default.bound_min(), default.bound_max()
    # Explicit bounds: the default ones move with today's date, but the market must not.
    start, end = pd.Timestamp(first_year, 1, 1), pd.Timestamp(first_year + _YEARS_AT_ONCE - 1, 12, 31)
    start, end = start if lowest is None else max(start, lowest), end if highest is None else min(end, highest)
    is_known = start < end
    calendar = exchange_calendars.get_calendar(name, start=start, end=end) if is_known else default
    schedule: pd.DataFrame = calendar.schedule
    return schedule if is_known else schedule.iloc[:0]


@functools.lru_cache(maxsize=256)
def _year_sessions(clock: Clock, year: int) -> Sessions:
    import pandas as pd

    tz = ZoneInfo(clock.tz)
    everything = _schedule(clock.calendar, year // _YEARS_AT_ONCE * _YEARS_AT_ONCE)
    schedule = everything[pd.DatetimeIndex(everything.index).year == year]
    opens, closes, pauses, resumes = (
        schedule[name].dt.as_unit("s").astype("int64").to_numpy()
        for name in ("open", "close", "break_start", "break_end")
    )
    has_break = schedule["break_start"].notna().to_numpy()
    labels = schedule.index.to_numpy().astype("datetime64[D]")
    first, last = opens, closes
    if clock.has_extended_hours:
        midnights = np.array(
            [int(datetime(day.year, day.month, day.day, tzinfo=tz).timestamp()) for day in labels.tolist()]
        )
        # A day without a change of the clocks has 86,400 seconds; no US session falls on one that has not.
        first = midnights + _EXTENDED_OPEN_SECONDS
        last = np.minimum(midnights + _EXTENDED_CLOSE_SECONDS, closes + _AFTER_CLOSE_SECONDS)
    return Sessions(
        labels=labels,
        first=first,
        opens=opens,
        break_start=np.where(has_break, pauses, closes),
        break_end=np.where(has_break, resumes, closes),
        closes=closes,
        last=last,
    )


@functools.lru_cache(maxsize=6)
def _month_slots(clock: Clock, year: int, month: int, step_seconds: int) -> Slots:
    sessions = clock.sessions_of_month(year, month)
    counts = (sessions.last - sessions.first) // step_seconds
    starts = np.cumsum(counts) - counts
    session = np.repeat(np.arange(len(sessions), dtype=np.int32), counts)
    offset = np.arange(counts.sum(), dtype=np.int64) - starts[session]
    seconds = sessions.first[session] + offset * step_seconds
    in_break = (sessions.break_start[session] <= seconds) & (seconds < sessions.break_end[session])
    if in_break.any():
        seconds, session = seconds[~in_break], session[~in_break]
    opens, closes = sessions.opens[session], sessions.closes[session]
    phase = np.where(seconds < opens, PRE, np.where(seconds < closes, REGULAR, POST)).astype(np.int8)
    elapsed = (seconds - opens) / (closes - opens)
    # Trading is busiest at the open and the close: 0.6 at noon, 1.8 at both ends, 1 on average.
    shape = np.where(phase == REGULAR, 0.6 + 1.2 * (2 * elapsed - 1) ** 2, 0.1).astype(np.float32)
    return Slots(
        sessions=sessions,
        seconds=seconds,
        session=session,
        phase=phase,
        shape=shape,
        open_slot=np.searchsorted(seconds, sessions.opens),
        close_slot=np.searchsorted(seconds, sessions.closes) - 1,
    )
