"""Trading calendars: opens and closes of sessions.

A session is labelled by its date; its bounds are instants, half-open `[open_ts, close_ts)`, less a break.
Sessions come from the library exchange_calendars, from rules for CME's product groups, or from custom calendars.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from mtstore.arguments import did_you_mean
from mtstore.calendars.library import library, library_calendar
from mtstore.calendars.product_groups import BASE, MAINTENANCE_BREAK, PRODUCT_GROUPS, SPOT_CURRENCIES
from mtstore.custom_calendars import FIRST_SESSION, AmendedCalendar, OwnCalendar, extrapolate
from mtstore.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

COMMON_CALENDARS: Final = ("XNYS", "CMES", "24/7", "24/5", *PRODUCT_GROUPS, SPOT_CURRENCIES.name)
"""Canonical names that are valid without exchange_calendars, which takes a second to import."""

_COMMON_ALIASES: Final = ("NASDAQ", "NYSE", "CME")

_OWN: Final[Mapping[str, OwnCalendar]] = {SPOT_CURRENCIES.name: SPOT_CURRENCIES}


def session_schema() -> pa.Schema:
    """Return the columns of `core.sessions`; timestamps are UTC, in microseconds."""
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
            pa.field("is_extrapolated", pa.bool_(), nullable=False),
        ]
    )


def calendar_names() -> list[str]:
    """Return the names in exchange_calendars, aliases included, those of CME's product groups, and FOREX."""
    return sorted({*library().get_calendar_names(include_aliases=True), *COMMON_CALENDARS})


def canonical_name(calendar: str, own: Iterable[str] = ()) -> str:
    """Return the canonical name of a calendar: `NYSE` is `XNYS`; names of custom calendars are kept.

    Raises
    ------
    InputError
        No calendar has that name; the nearest valid one is named.
    """
    own = tuple(own)
    if calendar in (*COMMON_CALENDARS, *own):  # may be of any type
        return calendar
    names = [*calendar_names(), *own]
    if calendar in names:
        return str(library().resolve_alias(calendar))
    hint = did_you_mean(calendar, (*COMMON_CALENDARS, *_COMMON_ALIASES, *own)) or did_you_mean(calendar, names)
    raise InputError(
        f"unknown calendar {calendar!r}{hint} (valid: XNYS, CMES, CME_FX and other product groups, FOREX, 24/7, any "
        "other name of exchange_calendars, or one under 'calendars:')"
    )


def calendar_timezone(calendar: str, own: Mapping[str, OwnCalendar] | None = None) -> str:
    """Return the IANA zone of a calendar's dates."""
    own = {**_OWN, **(own or {})}
    name = canonical_name(calendar, own)
    custom = own.get(name)
    if isinstance(custom, AmendedCalendar):
        return calendar_timezone(custom.based_on)
    if custom is not None:
        return custom.timezone
    return str(library_calendar(BASE if name in PRODUCT_GROUPS else name, _default_last()).tz)


def session_table(calendar: str, *, own: Mapping[str, OwnCalendar] | None = None, last: date | None = None) -> pa.Table:
    """Return the sessions of a calendar, oldest first.

    Parameters
    ----------
    calendar
        A name of exchange_calendars (`XNYS`, `CMES`, `24/7`, aliases too), of a product group, `FOREX`, or one of
        `own`.
    own
        Custom calendars, by name.
    last
        The last session date, included; by default the end of next year. Beyond the library's bound, sessions have the
        usual hours and weekdays, and `is_extrapolated`.

    Returns
    -------
    pyarrow.Table
        `session_schema()`: one row per session, from 1990 or the library's bound. `24/7` has UTC days;
        `CMES` has its maintenance break, 16:00 to 17:00 in Chicago, on sessions that last that long. `FOREX` lasts from
        Sunday 17:00 to Friday 17:00 in New York.

    Raises
    ------
    InputError
        No calendar has that name, or the library cannot build it.
    """
    import pyarrow as pa

    own = {**_OWN, **(own or {})}
    name = canonical_name(calendar, own)
    last = last or _default_last()
    custom = own.get(name)
    if isinstance(custom, AmendedCalendar):
        rows = custom.amend(session_table(custom.based_on, last=last).to_pylist(), calendar_timezone(custom.based_on))
    elif custom is not None:
        rows = custom.sessions(last)
    elif name in PRODUCT_GROUPS:
        rows = PRODUCT_GROUPS[name].sessions(name, _library_sessions(BASE, last).to_pylist())
    else:
        return _library_sessions(name, last)
    return pa.Table.from_pylist([{"is_extrapolated": False, **row} for row in rows], schema=session_schema())


def calendar_tables(
    calendars: Iterable[str], *, own: Mapping[str, OwnCalendar] | None = None, last: date | None = None
) -> tuple[pa.Table, pa.Table]:
    """Return the rows of `core.calendars` and `core.sessions` for several calendars, each once."""
    import pyarrow as pa

    names = sorted({canonical_name(calendar, own or {}) for calendar in calendars})
    zones = pa.table(
        {"calendar": names, "timezone": [calendar_timezone(name, own) for name in names]},
        schema=pa.schema([pa.field("calendar", pa.string()), pa.field("timezone", pa.string())]),
    )
    tables = [session_table(name, own=own, last=last) for name in names]
    return zones, pa.concat_tables([session_schema().empty_table(), *tables])


def listed_years() -> tuple[date, date]:
    """Return the first and last date for which calendars list sessions; some of the library begin later."""
    return FIRST_SESSION, _default_last()


def _default_last() -> date:
    return date(datetime.now(UTC).year + 1, 12, 31)


@functools.lru_cache(maxsize=64)
def _library_sessions(name: str, last: date) -> pa.Table:
    import pyarrow as pa

    calendar = library_calendar(name, last)
    schedule = calendar.schedule
    dates = [day.date() for day in schedule.index]
    columns: dict[str, Any] = {
        "calendar": [name] * len(dates),
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
    if name == BASE:
        zone, closes = ZoneInfo(str(calendar.tz)), columns["close_ts"].to_pylist()
        breaks = [_maintenance_break(day, zone, close) for day, close in zip(dates, closes, strict=True)]
        for column, place in (("break_start_ts", 0), ("break_end_ts", 1)):
            columns[column] = pa.array([pair[place] for pair in breaks], pa.timestamp("us", tz="UTC"))
    early = set(calendar.early_closes)
    columns["is_half_day"] = [day in early for day in schedule.index]
    columns["is_extrapolated"] = [False] * len(dates)
    listed = pa.table(columns, schema=session_schema())
    beyond = list(extrapolate(listed.slice(max(len(dates) - 20, 0)).to_pylist(), last, str(calendar.tz)))
    return pa.concat_tables([listed, pa.Table.from_pylist(beyond, schema=session_schema())]) if beyond else listed


def _maintenance_break(day: date, zone: ZoneInfo, close: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the break of a session of CMES; none if the session closes before it."""
    start, end = (datetime.combine(day, clock, zone).astimezone(UTC) for clock in MAINTENANCE_BREAK)
    return (start, min(end, close)) if start < close else (None, None)
