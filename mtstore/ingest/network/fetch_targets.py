"""Work out the fetch targets of a load from the configuration, the coverage ledger and calendars."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mtstore import calendars, sqlfiles
from mtstore.bars import is_daily, step_us
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import MissingDataError, MtstoreError, RangeError
from mtstore.infer_calendar import infer_calendar
from mtstore.ingest.network.fetch_plan import (
    FetchPlan,
    LedgerRow,
    Segment,
    closed_days,
    latest_segments,
    plan_fetch,
    unsettled_stale,
)
from mtstore.intervals import parse_interval
from mtstore.ranges import (
    US_PER_DAY,
    US_PER_SECOND,
    Ranges,
    TimeRange,
    clamp,
    from_us,
    intersect,
    midnight_us,
    to_us,
    union,
)
from mtstore.sources.bar_grid import ceil_us
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
    """One ticker of a load: its source and schema, and the plan of what to fetch."""

    ticker: str
    source: VendorSource
    schema: str
    plan: FetchPlan
    rows: Sequence[LedgerRow] = ()

    @property
    def refused(self) -> list[Segment]:
        """The ranges that the vendor refused not long ago, which are not requested again yet."""
        found = ((one.row, intersect((one.range,), self.plan.cached)) for one in latest_segments(self.rows))
        return [Segment(part, row) for row, parts in found if row.result == "failed" for part in parts]


@dataclass(frozen=True, slots=True)
class _Origin:
    """The source and schema that a ticker is fetched with, and its rows of the ledger."""

    settings: TickerSettings
    source: VendorSource
    schema: str
    rows: list[LedgerRow]


@dataclass(frozen=True, slots=True)
class _Sessions:
    """A calendar's sessions: its zone, and date, open and close (µs) of each."""

    tz: str
    rows: Sequence[tuple[date, int, int]]


class FetchTargets:
    """Work out what to fetch.

    Parameters
    ----------
    schema
        The bars to fetch, for all tickers; None for those that each source or interval needs.
    """

    def __init__(
        self,
        store: Repository,
        config: Config,
        vendors: Vendors,
        *,
        schema: str | None = None,
        refresh_all: bool = False,
    ) -> None:
        self._store = store
        self._config = config
        self._vendors = vendors
        self._schema = schema
        self._now_us = int(time.time() * US_PER_SECOND)
        self._refresh_all = refresh_all
        self._sessions: dict[str, _Sessions] = {}

    def of(self, tickers: Sequence[str], bounds: Bounds) -> tuple[list[FetchTarget], dict[str, MtstoreError]]:
        """Return the targets in the given order, and the error of each ticker that cannot be a target.

        Tickers whose bars come from files only are in neither.
        """
        origins, errors = self._origins(tickers)
        requests = ((origin, self._requested(origin, bounds)) for origin in origins)
        return [self._target(origin, (requested,)) for origin, requested in requests if requested is not None], errors

    def updates(self, tickers: Sequence[str]) -> tuple[list[FetchTarget], dict[str, MtstoreError]]:
        """Return targets from each ticker's last coverage on, and what is stale of the days that were not settled.

        A ticker without coverage is among the errors.
        """
        settle_days = self._config.multi_ticker.cache.settle_days
        origins, errors = self._origins(tickers)
        targets = []
        for origin in origins:
            ticker, source, schema = origin.settings.ticker, origin.source, origin.schema
            covered = [bounds.end_us for row in origin.rows if row.result != "failed" for bounds in row.ranges]
            if not covered:
                errors[ticker] = MissingDataError(
                    f"{ticker} has no {schema} from {source.settings.source} yet; fetch it once with a start"
                )
                continue
            end_us = source.last_closed_us(schema, ticker)
            stale = unsettled_stale(latest_segments(origin.rows), now_us=self._now_us, settle_days=settle_days)
            newer = TimeRange(min(max(covered), end_us - 1), end_us)
            targets.append(self._target(origin, union((newer,), clamp(stale, end_us=end_us))))
        return targets, errors

    def _origins(self, tickers: Sequence[str]) -> tuple[list[_Origin], dict[str, MtstoreError]]:
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
        ledger = self._ledger([(settings.ticker, source, schema) for settings, source, schema in found])
        return [
            _Origin(settings, source, schema, ledger[source.settings.source, schema, settings.ticker])
            for settings, source, schema in found
        ], errors

    def _target(self, origin: _Origin, requested: Ranges) -> FetchTarget:
        source, schema, ticker = origin.source, origin.schema, origin.settings.ticker
        plan = plan_fetch(
            requested,
            origin.rows,
            now_us=self._now_us,
            request_keys={None, request_key(source.request_parameters(schema))},
            closed=self._closed(origin.settings, TimeRange(requested[0].start_us, requested[-1].end_us)),
            available_end_us=source.last_closed_us(schema, ticker),
            refresh_all=self._refresh_all,
        )
        return FetchTarget(ticker, source, schema, plan, origin.rows)

    def _schema_for(self, settings: TickerSettings, name: str) -> str:
        """Return the coarsest bars from which both the alignment's and the ticker's own interval can be made."""
        fixed = self._schema or self._vendors.schema_of(name)
        if fixed is not None:
            step_us(fixed)  # raises for an unknown schema
            return fixed
        intervals = [
            parse_interval(text) for text in (self._config.multi_ticker.alignment.resampling, settings.bar_interval)
        ]
        if not any(interval.is_intraday for interval in intervals):
            return "ohlcv-1d"
        if all(interval.is_multiple_of(_MINUTE_US) for interval in intervals):
            return "ohlcv-1m"
        return "ohlcv-1s"

    def _requested(self, origin: _Origin, bounds: Bounds) -> TimeRange | None:
        """Return the bounds on the grid of the bars; dates are whole sessions, and whole days around them."""
        settings, source, schema = origin.settings, origin.source, origin.schema
        if bounds.start is None:
            raise RangeError("start: is missing; a fetch over the network needs one")
        day_tz = source.day_tz(settings.ticker)
        zone = ZoneInfo(day_tz if is_daily(schema) else bounds.tz)
        first, last = bounds.start, from_us(self._now_us) if bounds.end is None else bounds.end
        if settings.active_from is not None and settings.active_from > _date(first):
            first = settings.active_from
        if settings.active_to is not None and settings.active_to < _date(last):
            last = settings.active_to
        start_us = to_us(first) if isinstance(first, datetime) else midnight_us(first, zone)
        end_us = to_us(last) if isinstance(last, datetime) else midnight_us(last + timedelta(days=1), zone)
        if not is_daily(schema):
            # A session can begin on the evening before its date, or end after it.
            calendar = settings.calendar or infer_calendar(
                settings.ticker, source.binding.provider, source.binding.dataset
            )
            sessions = self._sessions_of(calendar).rows
            if not isinstance(first, datetime):
                start_us = min([start_us, *(opens for day, opens, _ in sessions if day == first)])
            if not isinstance(last, datetime):
                end_us = max([end_us, *(closes for day, _, closes in sessions if day == last)])
        start_us, end_us = (ceil_us(at, schema, day_tz) for at in (start_us, end_us))
        return TimeRange(start_us, end_us) if start_us < end_us else None

    def _closed(self, settings: TickerSettings, requested: TimeRange) -> Ranges:
        """Return closed days: of a configured calendar only, and only if the ticker has no custom hours."""
        if settings.calendar is None or settings.session_start is not None or settings.session_end is not None:
            return ()
        sessions = self._sessions_of(settings.calendar)
        if not sessions.rows:
            return ()
        near = TimeRange(requested.start_us - _MARGIN_US, requested.end_us + _MARGIN_US)
        spans = [
            (opens, closes) for _, opens, closes in sessions.rows if opens < near.end_us and closes > near.start_us
        ]
        listed = TimeRange(sessions.rows[0][1], sessions.rows[-1][2])
        return closed_days(spans, tz=sessions.tz, requested=requested, listed=listed)

    def _sessions_of(self, calendar: str) -> _Sessions:
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
            self._sessions[name] = _Sessions(calendars.calendar_timezone(name, own), rows)
        return self._sessions[name]

    def _ledger(
        self, origins: Sequence[tuple[str, VendorSource, str]]
    ) -> Mapping[tuple[str, str, str], list[LedgerRow]]:
        """Return the ledger's rows by source, schema and ticker."""
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ticker, source, schema in origins:
            groups[source.settings.source, schema].append(ticker)
        found: dict[tuple[str, str, str], list[LedgerRow]] = defaultdict(list)
        with self._store.connection() as connection:
            for (source_name, schema), tickers in groups.items():
                parameters = {"tickers": tickers, "source": source_name, "schema": schema}
                rows = fetch_rows(connection, sqlfiles.load("ingest.coverage_of_tickers"), parameters)
                for order, row in enumerate(rows):
                    found[source_name, schema, row["ticker"]].append(LedgerRow.from_row(order, row))
        return found


def _date(bound: date) -> date:
    return bound.date() if isinstance(bound, datetime) else bound
