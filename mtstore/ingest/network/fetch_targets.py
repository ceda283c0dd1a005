"""What a load wants of each ticker, and what of it must be asked for: ledger and calendars put to the planner."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from mtstore import calendars, sqlfiles
from mtstore.bars import is_daily, step_us
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import MissingDataError, MtstoreError, RangeError
from mtstore.ingest.network.fetch_plan import FetchPlan, LedgerRow, closed_days, plan_fetch
from mtstore.intervals import parse_interval
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, Ranges, TimeRange
from mtstore.sources.bar_grid import ceil_us, midnight_us
from mtstore.storage.commit.coverage_ledger import request_key

if TYPE_CHECKING:
    from mtstore.bounds import Bounds
    from mtstore.config import Config, TickerSettings
    from mtstore.ingest.network.vendors import Vendors
    from mtstore.sources.vendor import VendorSource
    from mtstore.storage.repository import Repository

_MINUTE_US = 60 * US_PER_SECOND
_MARGIN_US = 3 * US_PER_DAY


@dataclass(frozen=True, slots=True)
class FetchTarget:
    """One ticker of a load: where it comes from, what was asked, and what of that must be fetched."""

    ticker: str
    source: VendorSource
    schema: str
    asked: TimeRange
    plan: FetchPlan
    rows: Sequence[LedgerRow] = ()


@dataclass(frozen=True, slots=True)
class Sessions:
    """A calendar's sessions: zone, and date, open and close (µs) of each."""

    tz: str
    rows: Sequence[tuple[date, int, int]]

    def known(self) -> TimeRange | None:
        """How far the calendar reaches."""
        return TimeRange(self.rows[0][1], self.rows[-1][2]) if self.rows else None


class FetchTargets:
    """Works out what a load wants.

    Parameters
    ----------
    clock
        Seconds since the epoch.
    schema
        The bars to fetch, for all tickers; None for what each source or interval calls for.
    """

    def __init__(
        self,
        store: Repository,
        config: Config,
        vendors: Vendors,
        *,
        schema: str | None = None,
        clock: Callable[[], float] = time.time,
        refresh_all: bool = False,
    ) -> None:
        self._store = store
        self._config = config
        self._vendors = vendors
        self._schema = schema
        self._clock = clock
        self._refresh_all = refresh_all
        self._sessions: dict[str, Sessions] = {}

    def of(self, tickers: Sequence[str], bounds: Bounds) -> tuple[list[FetchTarget], dict[str, MtstoreError]]:
        """What to fetch for each ticker, in the given order; and the tickers of which that cannot be said.

        Tickers that only ever come from files are in neither.
        """
        found, errors = self._origins(tickers)
        ledger = self._ledger([(settings.ticker, source, schema) for settings, source, schema in found])
        wanted = []
        for settings, source, schema in found:
            asked = self._asked(settings, source, schema, bounds)
            if asked is not None:
                rows = ledger[source.settings.source, schema, settings.ticker]
                wanted.append(self._want(settings, source, schema, asked, rows))
        return wanted, errors

    def updates(self, tickers: Sequence[str]) -> tuple[list[FetchTarget], dict[str, MtstoreError]]:
        """What came for each ticker since its last coverage; a ticker without any is among the errors."""
        found, errors = self._origins(tickers)
        ledger = self._ledger([(settings.ticker, source, schema) for settings, source, schema in found])
        wanted = []
        for settings, source, schema in found:
            rows = ledger[source.settings.source, schema, settings.ticker]
            held = [bounds.end_us for row in rows if row.result != "failed" for bounds in row.ranges]
            if not held:
                errors[settings.ticker] = MissingDataError(
                    f"{settings.ticker} has no {schema} from {source.settings.source} yet; fetch it once with a start"
                )
                continue
            end_us = source.last_closed_us(schema, settings.ticker)
            asked = TimeRange(min(max(held), end_us - 1), end_us)
            wanted.append(self._want(settings, source, schema, asked, rows))
        return wanted, errors

    def _origins(
        self, tickers: Sequence[str]
    ) -> tuple[list[tuple[TickerSettings, VendorSource, str]], dict[str, MtstoreError]]:
        """For each ticker its settings, source and schema, or why there is none."""
        found: list[tuple[TickerSettings, VendorSource, str]] = []
        errors: dict[str, MtstoreError] = {}
        for ticker in tickers:
            settings = self._config.ticker(ticker)
            try:
                name = self._vendors.name_for(ticker, settings.data_source)
                if name is not None:
                    found.append((settings, self._vendors.get(name), self._schema_for(settings, name)))
            except MtstoreError as error:
                errors[ticker] = error
        return found, errors

    def _want(
        self, settings: TickerSettings, source: VendorSource, schema: str, asked: TimeRange, rows: list[LedgerRow]
    ) -> FetchTarget:
        planned = plan_fetch(
            [asked],
            rows,
            now_us=int(self._clock() * US_PER_SECOND),
            request_keys={None, request_key(source.request_parameters(schema))},
            closed=self._closed(settings, asked),
            available_end_us=source.last_closed_us(schema, settings.ticker),
            refresh_all=self._refresh_all,
        )
        return FetchTarget(settings.ticker, source, schema, asked, planned, rows)

    def _schema_for(self, settings: TickerSettings, name: str) -> str:
        """The coarsest bars from which both the alignment's and the ticker's own interval can be made."""
        fixed = self._schema or self._vendors.schema_of(name)
        if fixed is not None:
            step_us(fixed)
            return fixed
        intervals = [
            parse_interval(text) for text in (self._config.multi_ticker.alignment.resampling, settings.bar_interval)
        ]
        if not any(interval.is_intraday for interval in intervals):
            return "ohlcv-1d"
        if all(interval.is_multiple_of(_MINUTE_US) for interval in intervals):
            return "ohlcv-1m"
        return "ohlcv-1s"

    def _asked(self, settings: TickerSettings, source: VendorSource, schema: str, bounds: Bounds) -> TimeRange | None:
        """The bounds as instants on the grid of the bars: dates are whole sessions, and whole days around them."""
        if bounds.start is None:
            raise RangeError("a fetch over the network needs a start")
        day_tz = source.day_tz(settings.ticker)
        zone = day_tz if is_daily(schema) else bounds.tz
        first, last = _latest(bounds.start, settings.active_from), bounds.end
        if last is None:
            last = datetime.fromtimestamp(self._clock(), UTC)
        last = _earliest(last, settings.active_to)
        start_us = _instant_us(first) if isinstance(first, datetime) else midnight_us(first, zone)
        end_us = _instant_us(last) if isinstance(last, datetime) else midnight_us(last + timedelta(days=1), zone)
        if not is_daily(schema):
            sessions = self._sessions_of(self._calendar_of(settings, source)).rows
            if not isinstance(first, datetime):
                start_us = min([start_us, *(opens for day, opens, _ in sessions if day == first)])
            if not isinstance(last, datetime):
                end_us = max([end_us, *(closes for day, _, closes in sessions if day == last)])
        start_us, end_us = (ceil_us(at, schema, day_tz) for at in (start_us, end_us))
        return TimeRange(start_us, end_us) if start_us < end_us else None

    def _calendar_of(self, settings: TickerSettings, source: VendorSource) -> str:
        if settings.calendar is not None:
            return settings.calendar
        return calendars.infer_calendar(settings.ticker, source.binding.provider, source.binding.dataset)

    def _closed(self, settings: TickerSettings, asked: TimeRange) -> Ranges:
        """Closed days: of a configured calendar only, and only where the ticker has no hours of its own."""
        if settings.calendar is None or settings.session_start is not None or settings.session_end is not None:
            return ()
        sessions = self._sessions_of(settings.calendar)
        known = sessions.known()
        if known is None:
            return ()
        near = TimeRange(asked.start_us - _MARGIN_US, asked.end_us + _MARGIN_US)
        spans = [
            (opens, closes) for _, opens, closes in sessions.rows if opens < near.end_us and closes > near.start_us
        ]
        return closed_days(spans, tz=sessions.tz, asked=asked, known=known)

    def _sessions_of(self, calendar: str) -> Sessions:
        own = self._config.custom_calendars()
        name = calendars.canonical_name(calendar, own)
        if name not in self._sessions:
            with self._store.connection() as connection:
                statement = sqlfiles.load("ingest.stored_sessions")
                rows = connection.execute(statement, {"calendar": name}).fetchall() if name not in own else []
            if not rows:
                table = calendars.session_table(name, own=own)
                columns = [table["session_date"].to_pylist()]
                columns += [table[column].cast("int64").to_pylist() for column in ("open_ts", "close_ts")]
                rows = list(zip(*columns, strict=True))
            self._sessions[name] = Sessions(calendars.calendar_timezone(name, own), rows)
        return self._sessions[name]

    def _ledger(
        self, wanted: Sequence[tuple[str, VendorSource, str]]
    ) -> Mapping[tuple[str, str, str], list[LedgerRow]]:
        """The ledger's rows by source, schema and ticker."""
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ticker, source, schema in wanted:
            groups[source.settings.source, schema].append(ticker)
        found: dict[tuple[str, str, str], list[LedgerRow]] = defaultdict(list)
        with self._store.connection() as connection:
            for (source_name, schema), tickers in groups.items():
                given = {"tickers": tickers, "source": source_name, "schema": schema}
                for order, row in enumerate(fetch_rows(connection, sqlfiles.load("ingest.coverage_of_tickers"), given)):
                    bounds = zip(row["starts_us"], row["ends_us"], strict=True)
                    found[source_name, schema, row["ticker"]].append(
                        LedgerRow(
                            ranges=tuple(TimeRange(start, end) for start, end in bounds),
                            result=row["result"],
                            order=order,
                            fetched_at_us=row["fetched_at_us"],
                            fresh_until_us=row["fresh_until_us"],
                            request_key=row["request_key"],
                            reason=row["reason"],
                        )
                    )
        return found


def _latest(bound: date, other: date | None) -> date:
    """The later of a bound and a date; an instant is compared by its day."""
    return other if other is not None and other > _date(bound) else bound


def _earliest(bound: date, other: date | None) -> date:
    return other if other is not None and other < _date(bound) else bound


def _date(bound: date) -> date:
    return bound.date() if isinstance(bound, datetime) else bound


def _instant_us(moment: datetime) -> int:
    return round(moment.timestamp() * US_PER_SECOND)
