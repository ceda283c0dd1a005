"""Trading calendars: when sessions open and close, and which calendar a ticker most likely follows.

A session is labelled by its date; its bounds are instants, half-open `[open_ts, close_ts)`, less a break.
Sessions come from the library exchange_calendars, or from calendars of one's own (`OwnCalendar`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from mtstore.errors import InputError
from mtstore.timeranges import parse_zone
from mtstore.words import did_you_mean

if TYPE_CHECKING:
    import exchange_calendars as xc
    import pyarrow as pa

FIRST_SESSION: Final = date(1990, 1, 1)
"""No session before this date is listed; where the library's own bound is later, that bound holds."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_COMMON: Final = ("XNYS", "NASDAQ", "NYSE", "CMES", "CME", "24/7", "24/5")

# CME Globex halts daily for maintenance, which the library's session (17:00 to 17:00 Chicago) includes.
_MAINTENANCE_BREAKS: Final = {"CMES": (time(16), time(17))}

_CALENDAR_OF_DATASET: Final = {
    "GLBX.MDP3": "CMES",
    "XEUR.EOBI": "XEUR",
    "XEEE.EOBI": "XEEE",
    "IFEU.IMPACT": "IEPA",
    "IFLL.IMPACT": "IEPA",
    "IFUS.IMPACT": "IEPA",
    "NDEX.IMPACT": "IEPA",
}
_CALENDAR_OF_PREFIX: Final = {"X:": "24/7", "C:": "24/5"}
_CRYPTO_PAIR: Final = re.compile(r"[A-Z0-9]{2,10}[/-](USD|USDT|USDC|EUR|GBP|BTC|ETH)\Z")
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


def session_schema() -> pa.Schema:
    """The columns of `core.sessions`; timestamps are UTC, in microseconds."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            pa.field("calendar", pa.string(), nullable=False),
            pa.field("session_date", pa.date32(), nullable=False),
            pa.field("open_ts", instant, nullable=False),
            pa.field("close_ts", instant, nullable=False),
            pa.field("break_start_ts", instant),
            pa.field("break_end_ts", instant),
            pa.field("is_half_day", pa.bool_(), nullable=False),
        ]
    )


def calendar_names() -> list[str]:
    """Every name exchange_calendars knows, aliases included."""
    import exchange_calendars as xc

    return sorted(xc.get_calendar_names(include_aliases=True))


def canonical_name(calendar: str, own: Iterable[str] = ()) -> str:
    """The one name of a calendar that has several: `NYSE` is `XNYS`; names of one's own stay as they are.

    Raises
    ------
    InputError
        No calendar has that name; the nearest valid one is named.
    """
    import exchange_calendars as xc

    own = tuple(own)
    if calendar in own:
        return calendar
    names = [*calendar_names(), *own]
    if calendar in names:
        return str(xc.resolve_alias(calendar))
    hint = did_you_mean(calendar, (*_COMMON, *own)) or did_you_mean(calendar, names)
    raise InputError(
        f"unknown calendar {calendar!r}{hint}"
        " (valid: XNYS, CMES, 24/7, any other name of exchange_calendars, or one under 'calendars:')"
    )


def calendar_timezone(calendar: str, own: Mapping[str, OwnCalendar] | None = None) -> str:
    """The IANA zone in which the calendar's dates are meant."""
    own = own or {}
    name = canonical_name(calendar, own)
    return own[name].timezone if name in own else str(_library_calendar(name, _default_last()).tz)


def session_table(calendar: str, *, own: Mapping[str, OwnCalendar] | None = None, last: date | None = None) -> pa.Table:
    """The sessions of one calendar, oldest first.

    Parameters
    ----------
    calendar
        A name of exchange_calendars (`XNYS`, `CMES`, `24/7`, aliases too), or of `own`.
    own
        Calendars of one's own, by name.
    last
        The last session date, included; by default the end of next year, or the library's bound if earlier.

    Returns
    -------
    pyarrow.Table
        `session_schema()`: one row per session, from 1990 or the library's bound. `24/7` has UTC days;
        `CMES` has its maintenance break, 16:00 to 17:00 in Chicago, on sessions that last that long.

    Raises
    ------
    InputError
        No calendar has that name.
    """
    import pyarrow as pa

    own = own or {}
    name = canonical_name(calendar, own)
    last = last or _default_last()
    if name in own:
        return pa.Table.from_pylist(list(own[name].sessions(last)), schema=session_schema())
    return _library_sessions(name, last)


def calendar_tables(
    calendars: Iterable[str], *, own: Mapping[str, OwnCalendar] | None = None, last: date | None = None
) -> tuple[pa.Table, pa.Table]:
    """The rows of `core.calendars` and of `core.sessions` for several calendars, each once."""
    import pyarrow as pa

    names = sorted({canonical_name(calendar, own or {}) for calendar in calendars})
    zones = pa.table(
        {"calendar": names, "timezone": [calendar_timezone(name, own) for name in names]},
        schema=pa.schema([pa.field("calendar", pa.string()), pa.field("timezone", pa.string())]),
    )
    tables = [session_table(name, own=own, last=last) for name in names]
    return zones, pa.concat_tables([session_schema().empty_table(), *tables])


def infer_calendar(ticker: str, provider: str, dataset: str | None = None) -> str:
    """The calendar that a ticker without a configured one most likely follows.

    Polygon's prefixes decide first (`X:` crypto 24/7, `C:` currencies 24/5), then Databento's dataset
    (`GLBX.MDP3` is CMES), then the shape of the name (`BTC/USD` is 24/7); everything else is taken for a US
    equity, XNYS. A guess: it never suppresses a fetch.
    """
    by_prefix = _CALENDAR_OF_PREFIX.get(ticker[:2])
    if by_prefix is not None:
        return by_prefix
    by_dataset = _CALENDAR_OF_DATASET.get(dataset or "")
    if by_dataset is not None:
        return by_dataset
    return "24/7" if provider != "databento" and _CRYPTO_PAIR.match(ticker) else "XNYS"


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


def _default_last() -> date:
    return date(datetime.now(UTC).year + 1, 12, 31)


@functools.lru_cache(maxsize=64)
def _library_calendar(name: str, last: date) -> xc.ExchangeCalendar:
    """The library's calendar from 1990, or its own first date, to `last`, or its own last date."""
    import exchange_calendars as xc
    import pandas as pd

    start, end = pd.Timestamp(FIRST_SESSION), pd.Timestamp(last)
    try:
        return xc.get_calendar(name, start=start, end=end)
    except ValueError:
        # Only a constructed calendar tells its bounds; the ones that have bounds are few.
        bounds = xc.get_calendar(name)
        first, final = bounds.bound_min(), bounds.bound_max()
        return xc.get_calendar(name, start=max(first or start, start), end=min(final or end, end))


@functools.lru_cache(maxsize=64)
def _library_sessions(name: str, last: date) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    calendar = _library_calendar(name, last)
    schedule = calendar.schedule
    dates = [day.date() for day in schedule.index]
    columns: dict[str, Any] = {
        "calendar": np.repeat(name, len(dates)).tolist(),
        "session_date": dates,
    }
    sources = {
        "open_ts": "open",
        "close_ts": "close",
        "break_start_ts": "break_start",
        "break_end_ts": "break_end",
    }
    for column, source in sources.items():
        columns[column] = pa.array(schedule[source].dt.as_unit("us"), pa.timestamp("us", tz="UTC"))
    pause = _MAINTENANCE_BREAKS.get(name)
    if pause is not None:
        zone, closes = ZoneInfo(str(calendar.tz)), columns["close_ts"].to_pylist()
        breaks = [_break_before_close(day, pause, zone, close) for day, close in zip(dates, closes, strict=True)]
        for column, place in (("break_start_ts", 0), ("break_end_ts", 1)):
            columns[column] = pa.array([pair[place] for pair in breaks], pa.timestamp("us", tz="UTC"))
    early = set(calendar.early_closes)
    columns["is_half_day"] = [day in early for day in schedule.index]
    return pa.table(columns, schema=session_schema())


def _break_before_close(
    day: date, pause: tuple[time, time], zone: ZoneInfo, close: datetime
) -> tuple[datetime | None, datetime | None]:
    """The break of one session, or none on a session that has closed by then."""
    start, end = (datetime.combine(day, clock, zone).astimezone(UTC) for clock in pause)
    return (start, min(end, close)) if start < close else (None, None)
