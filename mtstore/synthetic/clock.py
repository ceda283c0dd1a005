"""Sessions of a real exchange calendar, cut into the slots in which the synthetic market can trade."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from mtstore.errors import InputError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, midnight_us

if TYPE_CHECKING:
    import pandas as pd

PRE, REGULAR, POST = 0, 1, 2

# Pre- and post-market exist for US equities only; on a half day trading ends four hours after the early close.
_EXTENDED_CALENDARS = frozenset({"XNYS", "XNAS", "NYSE", "NASDAQ", "ARCX", "BATS", "IEXG"})
_EXTENDED_OPEN_SECONDS, _EXTENDED_CLOSE_SECONDS = 4 * 3600, 20 * 3600
_YEARS_AT_ONCE = 25
_AFTER_CLOSE_SECONDS = 4 * 3600


Sessions: TypeAlias = "np.recarray[Any, Any]"
"""Sessions, one element each: `labels` are the dates, the other fields instants in seconds since the epoch.

`first` to `last` is all trading, `opens` to `closes` the regular session, `break_start` to `break_end` its break (empty
where a session has none).
"""


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

    def months_between(self, start_us: int, end_us: int) -> list[tuple[int, int]]:
        """Return (year, month) of each month whose sessions can contain an instant of `[start_us, end_us)`."""
        # A session's bars are within two days of its date, in any zone.
        days = np.array([start_us // US_PER_DAY - 2, -(-end_us // US_PER_DAY) + 2])
        first, last = days.astype("datetime64[D]").astype("datetime64[M]").astype(int)
        months = [(1970 + index // 12, index % 12 + 1) for index in range(int(first), int(last) + 1)]
        found = ((month, self.sessions_of_month(*month)) for month in months)
        return [
            month
            for month, sessions in found
            if len(sessions)
            and sessions.first[0] * US_PER_SECOND < end_us
            and start_us < sessions.last[-1] * US_PER_SECOND
        ]

    def sessions_of_month(self, year: int, month: int) -> Sessions:
        """Return the sessions whose date is in a month."""
        whole_year = year_sessions(self, year)
        is_in_month = whole_year.labels.astype("datetime64[M]") == np.datetime64(f"{year}-{month:02}")
        chosen: Sessions = whole_year[is_in_month]
        return chosen


@functools.cache
def _calendar_tz(name: str) -> str:
    import exchange_calendars

    try:
        return str(exchange_calendars.get_calendar(name).tz)
    except exchange_calendars.errors.InvalidCalendarName as error:
        valid = "XNYS, XNAS, XLON, XHKG, CMES, 24/7, …"
        raise InputError(f"calendar {name!r} is not one of exchange_calendars' ({valid})") from error


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
    is_listed = start < end
    calendar = exchange_calendars.get_calendar(name, start=start, end=end) if is_listed else default
    schedule: pd.DataFrame = calendar.schedule
    return schedule if is_listed else schedule.iloc[:0]


@functools.lru_cache(maxsize=256)
def year_sessions(clock: Clock, year: int) -> Sessions:
    """Return the sessions whose date is in a year."""
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
        midnights = np.array([midnight_us(day, tz) for day in labels.tolist()], np.int64) // US_PER_SECOND
        # A day without a change of the clocks has 86,400 seconds; no US session falls on one that has not.
        first = midnights + _EXTENDED_OPEN_SECONDS
        last = np.minimum(midnights + _EXTENDED_CLOSE_SECONDS, closes + _AFTER_CLOSE_SECONDS)
    breaks = np.where(has_break, pauses, closes), np.where(has_break, resumes, closes)
    columns = [labels, first, opens, *breaks, closes, last]
    formats = [column.dtype for column in columns]
    names = "labels,first,opens,break_start,break_end,closes,last"
    return np.rec.fromarrays(columns, formats=formats, names=names)


@functools.lru_cache(maxsize=6)
def month_slots(clock: Clock, year: int, month: int, step_seconds: int) -> Slots:
    """Return the slots of the sessions whose date is in a month."""
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
