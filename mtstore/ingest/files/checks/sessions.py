"""Compare the times of bars with the sessions of their calendar: a wrong zone or a wrong calendar hides bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mtstore import calendars, sqlfiles
from mtstore.arguments import first_few
from mtstore.bars import BarBatch, is_daily, step_us
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import InputError
from mtstore.infer_calendar import (
    ALL_HOURS,
    POST_MARKET_US,
    PRE_MARKET_US,
    SPOT_CURRENCIES,
    TOLERATED_SHARE,
    TickerCalendar,
    guess_calendar,
)
from mtstore.ranges import US_PER_DAY

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]
    Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

_LEAST_BARS: Final = 20
_LEAST_QUIET_BARS: Final = 100
_LEAST_DAYS: Final = 3
_LEAST_DAYS_OF_A_GUESS: Final = 10
_HARDLY_ANY: Final = 0.05
_MOST: Final = 0.9
_NEARLY_ALL: Final = 0.99
_MUCH_LESS: Final = 0.75

_SESSION_COLUMNS: Final = {"session_date": "int32", "open_ts": "int64", "close_ts": "int64"}


@dataclass(frozen=True, slots=True)
class Hours:
    """The sessions of a calendar in order: days since 1970-01-01, and opens and closes in microseconds."""

    tz: str
    days: Ints
    opens: Ints
    closes: Ints

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, calendar: str) -> Hours | None:
        """Read the sessions that a store has, else compute them; None for a custom calendar without any."""
        import numpy as np

        statement = sqlfiles.load("ingest.session_hours")
        rows = connection.execute(statement, {"calendar": calendar}).fetchnumpy()
        if len(rows["day"]):
            zone = str(rows["timezone"][0])
            return cls(zone, *(np.asarray(rows[name], dtype=np.int64) for name in ("day", "open_us", "close_us")))
        try:
            table = calendars.session_table(calendar)
        except InputError:
            return None
        columns = (table[name].cast(kind) for name, kind in _SESSION_COLUMNS.items())
        return cls(calendars.calendar_timezone(calendar), *(np.asarray(one, dtype=np.int64) for one in columns))

    def count(self, stamps: Ints, step: int) -> tuple[int, int]:
        """Count the bars that overlap a session, and those that overlap one or its pre- or post-market."""
        import numpy as np

        counts = []
        for before, after in ((0, 0), (PRE_MARKET_US, POST_MARKET_US)):
            # Each bar's first session that ends after the bar's open.
            place = np.searchsorted(self.closes + after, stamps, side="right")
            opens = np.append(self.opens - before, np.iinfo(np.int64).max)
            counts.append(int((opens[place] < stamps + step).sum()))
        return counts[0], counts[1]

    def unlisted(self, stamps: Ints) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
        """Yield words and a mask for bars before the first session, and for bars after the last one."""
        import numpy as np

        for words, day, mask in (
            ("before {}, the first known session", self.days[0], stamps < self.opens[0]),
            ("after {}, the last known session", self.days[-1], stamps >= self.closes[-1]),
        ):
            if mask.any():
                yield words.format(np.datetime64(int(day), "D")), mask

    def in_wall_times(self) -> Hours:
        """Return the same sessions in wall times of the calendar's zone."""
        return Hours(self.tz, self.days, *(_wall_times(column, self.tz) for column in (self.opens, self.closes)))


def find_misfit(stamps: Ints, schema: str, calendar: TickerCalendar, hours: Hours, zone: str | None) -> Misfit | None:
    """Return how the bars of a ticker miss the sessions of its calendar; None if they do not, or are too few.

    Parameters
    ----------
    stamps
        Opens of bars in microseconds; of daily bars, midnights of `zone`.
    zone
        The zone in which times of custom data were read; None if the data themselves say when they are.
    """
    if is_daily(schema):
        # Vendors count days in zones of their own: a Sunday of Databento belongs to the next session.
        return None if zone is None else _misfit_of_days(stamps, schema, calendar, hours, zone)
    stamps = stamps[(stamps >= hours.opens[0]) & (stamps < hours.closes[-1])]
    total, step = len(stamps), step_us(schema)
    if total < _LEAST_BARS:
        return None
    regular, near = hours.count(stamps, step)
    hides_bars = total - near > TOLERATED_SHARE * total
    if zone is not None and zone != hours.tz and (hides_bars or regular <= _MUCH_LESS * total):
        there, near_there = hours.in_wall_times().count(_wall_times(stamps, zone), step)
        is_clearer = there >= _MOST * total and regular <= _MUCH_LESS * there
        # A zone that the owner named is right more often than a calendar that was guessed.
        is_in_doubt = hides_bars and (zone == "UTC" or not calendar.is_guessed)
        if is_clearer or (is_in_doubt and near_there >= _NEARLY_ALL * total and there > regular):
            return Misfit("zone", calendar, total, regular, zone, hours.tz, there)
    # The pre-market of one day alone is usual, that of several days is not.
    is_quiet = total >= _LEAST_QUIET_BARS and int(stamps[-1] - stamps[0]) > US_PER_DAY
    if near < _HARDLY_ANY * total or (is_quiet and regular < _HARDLY_ANY * total):
        kind = "guess" if calendar.is_guessed else "hours"
        return Misfit(kind, calendar, total, regular, zone, far=total - near if hides_bars else 0)
    is_hidden = calendar.is_guessed and hides_bars
    return Misfit("guess", calendar, total, regular, zone, far=total - near) if is_hidden else None


def _misfit_of_days(stamps: Ints, schema: str, calendar: TickerCalendar, hours: Hours, zone: str) -> Misfit | None:
    import numpy as np

    days = _wall_times(stamps, zone) // US_PER_DAY
    days = days[(days >= hours.days[0]) & (days <= hours.days[-1])]
    total, regular = len(days), int(np.isin(days, hours.days).sum())
    if step_us(schema) > US_PER_DAY or total < _LEAST_DAYS:
        return None
    hides_days = calendar.is_guessed and total >= _LEAST_DAYS_OF_A_GUESS and total - regular > TOLERATED_SHARE * total
    return Misfit("days", calendar, total, regular) if regular < _HARDLY_ANY * total or hides_days else None


@dataclass(frozen=True, slots=True)
class Misfit:
    """How the bars of a ticker miss the sessions of its calendar.

    Attributes
    ----------
    kind
        `zone`: in the calendar's zone they would fit. `guess`: the calendar was guessed and hides bars. `hours`: hardly
        any bar is in a session. `days`: days are not sessions.
    bars, regular
        The number of bars, and of those in sessions.
    far
        The number of bars outside of pre- and post-market, too, if a guessed calendar would hide them.
    chosen
        The calendar that the bars decided instead of a guessed one.
    zone, other_zone, regular_there
        The zone in which times were read, the calendar's zone, and the number of bars in sessions there.
    """

    kind: str
    calendar: TickerCalendar
    bars: int
    regular: int
    zone: str | None = None
    other_zone: str | None = None
    regular_there: int = 0
    far: int = 0
    chosen: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What misfits that are described together have in common."""
        return self.kind, self.calendar, self.zone, self.other_zone, self.chosen

    def describe(self, tickers: Iterable[str]) -> str:
        """Return the misfit of some tickers as a sentence."""
        names, calendar, is_guessed = first_few(list(tickers)), self.calendar.name, self.calendar.is_guessed
        guessed = f" Or set `calendar` in a configuration: {calendar} was guessed." if is_guessed else ""
        outside = self.bars - self.regular
        if self.kind == "zone":
            return (
                f"{names}: {self.regular_there:,} of {self.bars:,} bars would lie in {calendar} hours as "
                f"{self.other_zone}, {self.regular:,} do as {self.zone}: is `tz` right?{guessed}"
            )
        if self.kind == "days":
            return (
                f"{names}: {outside:,} of {self.bars:,} days are not sessions of {calendar}: are they right?{guessed}"
            )
        share = f"{100 * outside / self.bars:.0f} % of the bars of {names} lie outside {calendar}"
        if self.chosen is not None:
            return (
                f"{share}, the calendar that was guessed: {self.chosen} is used, which has them; "
                "set `calendar` in a configuration if another one is right"
            )
        if self.kind == "guess":
            return f"{share}, which was guessed; set `calendar` in a configuration, else aligned tables omit them"
        return f"{share}: are the zone of the times and the calendar right?"


def intraday_rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of a store's intraday bars by ticker."""
    return dict(connection.execute(sqlfiles.load("ingest.intraday_rows")).fetchall())


def stored_calendars(connection: duckdb.DuckDBPyConnection) -> dict[str, TickerCalendar]:
    """Return the calendars of a store's tickers."""
    return {
        row["ticker"]: TickerCalendar(row["calendar"], row["is_inferred"], row["session_key"] != row["calendar"])
        for row in fetch_rows(connection, sqlfiles.load("ingest.ticker_calendars"))
    }


@dataclass(slots=True)
class SessionCheck:
    """Compare bars with the calendars of their tickers, `known` or guessed; `notes` has the result.

    `connect` opens the store, whose sessions are read where it has them; `stored` counts the intraday bars that it has.
    A guessed calendar that would leave out more than 5 % of a ticker's bars is not used: see `observed`.
    """

    connect: Connect
    known: Mapping[str, TickerCalendar]
    stored: Mapping[str, int] = field(default_factory=dict)
    _unlisted: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _bars: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _far: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _fitting: dict[str, str] = field(default_factory=dict)
    _hours: dict[str, Hours | None] = field(default_factory=dict)
    _found: dict[tuple[object, ...], dict[str, Misfit]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, batch: BarBatch, zone: str | None) -> None:
        """Compare a ticker's bars; `zone` as in `find_misfit`."""
        guess = guess_calendar(batch.ticker, batch.binding.provider, batch.binding.dataset)
        self.compare(batch.ticker, batch.schema, batch.bars, self.known.get(batch.ticker, guess), zone)

    def compare(self, ticker: str, schema: str, bars: pa.Table, calendar: TickerCalendar, zone: str | None) -> None:
        """Compare bars with a calendar, unless the ticker has hours of its own: those are what its owner wants."""
        hours = self._hours_of(calendar.name)
        stamps = bars["ts_event"].cast("int64").to_numpy()
        if hours is not None and not is_daily(schema):
            for words, is_outside in hours.unlisted(stamps):
                count = self._unlisted[f"{words} of {calendar.name}"]
                count[ticker] = count.get(ticker, 0) + int(is_outside.sum())
        if calendar.has_own_hours:
            return
        found = None if hours is None else find_misfit(stamps, schema, calendar, hours, zone)
        if not is_daily(schema):
            self._bars[ticker] += len(stamps)
        if found is not None:
            self._found[found.key][ticker] = found
        if found is not None and found.far:
            self._far[ticker] += found.far
            # A ticker in several batches has the calendar that has all its bars.
            is_at_all_hours = self._fitting.get(ticker) == ALL_HOURS
            self._fitting[ticker] = ALL_HOURS if is_at_all_hours else self._fit(stamps, schema)

    def observed(self) -> dict[str, str]:
        """Return the calendars that bars decide: those of tickers of which the guessed one leaves out too many."""
        return {
            ticker: calendar
            for ticker, calendar in self._fitting.items()
            if self._far[ticker] > TOLERATED_SHARE * (self.stored.get(ticker, 0) + self._bars[ticker])
        }

    def _fit(self, stamps: Ints, schema: str) -> str:
        """Return the calendar of bars that trade on weekdays alone, or that of all hours."""
        hours = self._hours_of(SPOT_CURRENCIES)
        if hours is None:
            return ALL_HOURS
        regular, _ = hours.count(stamps, step_us(schema))
        return SPOT_CURRENCIES if len(stamps) - regular <= TOLERATED_SHARE * len(stamps) else ALL_HOURS

    def _hours_of(self, calendar: str) -> Hours | None:
        if calendar not in self._hours:
            with self.connect() as connection:
                self._hours[calendar] = Hours.of(connection, calendar)
        return self._hours[calendar]

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield the rows of `core.observed_calendars`."""
        for ticker, calendar in self.observed().items():
            yield {"ticker": ticker, "calendar": calendar}

    def notes(self) -> Iterator[str]:
        """Yield a sentence per kind of misfit."""
        for words, by_count in self._unlisted.items():
            count = sum(by_count.values())
            counted = f"{count:,} {'bar' if count == 1 else 'bars'} of {first_few(list(by_count))}"
            yield f"{counted} {words}, in no session: aligned tables omit them"
        observed = self.observed()
        found: dict[tuple[object, ...], dict[str, Misfit]] = defaultdict(dict)
        for ticker, misfit in ((name, one) for by_ticker in self._found.values() for name, one in by_ticker.items()):
            chosen = replace(misfit, chosen=observed.get(ticker)) if misfit.kind == "guess" else misfit
            found[chosen.key][ticker] = chosen
        for by_ticker in found.values():
            alike = list(by_ticker.values())
            sums = {name: sum(getattr(one, name) for one in alike) for name in ("bars", "regular", "regular_there")}
            yield replace(alike[0], **sums).describe(by_ticker)


def _wall_times(stamps: Ints, zone: str) -> Ints:
    """Return instants as wall times of a zone, microseconds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    instants = pa.array(stamps, pa.int64()).cast(pa.timestamp("us", tz=zone))
    wall: Ints = pc.local_timestamp(instants).cast(pa.int64()).to_numpy()
    return wall
