"""Databento's historical API: bars of one dataset, paid by the byte, streamed to disk and checked before use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from mtstore.bars import BAR_SCHEMAS, BarBatch, SourceBinding, is_daily, step_us
from mtstore.errors import ConfigError, UnsupportedSchemaError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, Ranges, TimeRange, subtract
from mtstore.sources import bar_grid
from mtstore.sources.checked_bars import no_bars
from mtstore.sources.databento import day_conditions
from mtstore.sources.databento import metadata as databento_metadata
from mtstore.sources.databento.day_conditions import DayCondition
from mtstore.sources.databento.download import Downloader, symbols_of
from mtstore.sources.databento.responses import to_batches, unresolved
from mtstore.sources.databento.session import DatabentoSession
from mtstore.sources.http.downloads import Downloads
from mtstore.sources.http.failures import CallFailedError
from mtstore.sources.http.named_end import named_end_us, past_the_end
from mtstore.sources.http.request import RequestContext
from mtstore.sources.http.settings import NetworkSettings
from mtstore.sources.vendor import CostBudget, Estimate, VendorSource, to_batch

T = TypeVar("T")

RECORDS_PER_CHUNK = 500_000
DAYS_PER_CHUNK = 92
WINDOW_SECONDS = 300.0

_HOURS_A_WEEK = 5 * 23
_MORE_TRIES = 2
_PAST_AVAILABLE = "data_end_after_available_end"
_PAST_LICENCE = "dataset_unavailable_range"
_UNRESOLVED = "symbology_invalid_request"


@dataclass(frozen=True, slots=True)
class _Window:
    """The range of a schema that the key may read, requested at `at` (s); why it ends, if a refusal named its end."""

    at: float
    range: TimeRange
    refusal: str | None = None


class DatabentoSource(VendorSource):
    """One named Databento source, bound to one dataset."""

    max_tickers_per_request = 2_000
    reports_changes = True

    def __init__(self, settings: NetworkSettings, *, clock: Callable[[], float] = time.time) -> None:
        if settings.stype_in == "parent":
            raise ConfigError(
                f"sources.{settings.source}.stype_in: was 'parent', whose symbols are many instruments each; "
                "use raw_symbol or continuous"
            )
        super().__init__(settings, clock=clock)
        self.binding = SourceBinding(settings.source, "databento", settings.dataset)
        self._session = DatabentoSession(settings)
        self._downloader = Downloader(self._session)
        self._updating = threading.Lock()
        self._windows: dict[str, _Window] = {}
        self._conditions: dict[TimeRange, tuple[float, list[DayCondition]]] = {}

    def request_parameters(self, schema: str) -> Mapping[str, Any]:
        _check_schema(schema)
        return {"stype_in": self.settings.stype_in}

    def day_tz(self, ticker: str) -> str:
        """Return UTC, whatever the ticker."""
        del ticker
        return "UTC"

    def chunk_span_us(self, schema: str, tickers: Sequence[str]) -> int:
        """Return the length of a range with half a million records, if every bar of a futures week exists.

        At most a quarter, except for daily bars: a killed run loses one unfinished download, which is paid for.
        """
        a_week = 7.0 if is_daily(schema) else _HOURS_A_WEEK * 3_600 * US_PER_SECOND / step_us(schema)
        weeks = RECORDS_PER_CHUNK / (a_week * max(1, len(tickers)))
        days = int(weeks * 7)
        return max(1, days if is_daily(schema) else min(days, DAYS_PER_CHUNK)) * US_PER_DAY

    def changed_since(self, request: RequestContext, since_us: int) -> Ranges:
        """Return the parts of a range whose data may have changed since an instant.

        Free of charge, and requested once in five minutes.
        """
        return day_conditions.changed_since(self._days(request), request.bounds, since_us)

    def estimate(self, request: RequestContext, *, rescued: Path | None = None) -> Estimate:
        """Return what a fetch would bring and cost, by two free requests; the fetch that follows uses it."""
        symbols_of(request.tickers, self.settings.stype_in)
        context = replace(request, what="estimate")
        estimate, _ = self._clamping(context, lambda one: self._downloader.estimate(one, rescued))
        return estimate or Estimate(requests=0, records=0, bytes=0, cost_usd=0.0)

    def fetch(
        self, request: RequestContext, *, downloads: Downloads | None = None, budget: CostBudget | None = None
    ) -> Iterator[BarBatch]:
        """Yield one batch per ticker for the part that the vendor has.

        Before it comes an 'empty' one with a reason for the time before the dataset. A ticker that does not resolve
        has an 'empty' one with a reason, too. 'failed' ones are about days that the vendor calls pending or missing,
        and about the time past the end of the key's licence.
        """
        tickers, schema, requested = request.tickers, request.schema, request.bounds
        symbols_of(tickers, self.settings.stype_in)
        last_closed = min(requested.end_us, self.last_closed_us(schema, ""))
        if last_closed <= requested.start_us:
            return
        begins = bar_grid.ceil_us(self._window(request).range.start_us, schema, "UTC")
        before = _aligned(requested.start_us, min(last_closed, begins), schema)
        if before is not None:
            for ticker in tickers:
                yield self._empty(ticker, schema, before, "before the first data that the vendor has for this key")
        budget = budget or CostBudget(self.settings.max_cost_usd)
        with TemporaryDirectory(prefix="databento-", ignore_cleanup_errors=True) as scratch:
            yield from self._by_condition(request, downloads or Downloads(Path(scratch), Path(scratch)), budget)
        yield from self._past_licence(request, TimeRange(requested.start_us, last_closed))

    def _by_condition(self, request: RequestContext, downloads: Downloads, budget: CostBudget) -> Iterator[BarBatch]:
        """Yield the part that the vendor has, split by what it says about the days."""
        clamped = self._clamped(request)
        if clamped is None:
            return
        days = self._days(replace(request, range=clamped))
        days = day_conditions.on_sessions(days, request.tickers, self.settings.dataset or "")
        there = day_conditions.without_absent_ends(clamped, days)
        for end in subtract((clamped,), () if there is None else (there,)):
            for ticker in request.tickers:
                yield from day_conditions.by_condition(self._empty(ticker, request.schema, end), days)
        if there is not None:
            for batch in self._bought(replace(request, range=there), downloads, budget, days):
                yield from day_conditions.by_condition(batch, days)

    def _bought(
        self, request: RequestContext, downloads: Downloads, budget: CostBudget, days: Sequence[DayCondition]
    ) -> Iterator[BarBatch]:
        tickers, schema = request.tickers, request.schema
        modified = day_conditions.last_modified(days, request.bounds)
        file, inside = self._clamping(
            request, lambda one: self._downloader.download(one, downloads, budget, modified=modified)
        )
        if inside is None:
            return
        if file is None:
            for ticker in tickers:
                yield self._empty(ticker, schema, inside, unresolved(ticker))
            return
        yield from to_batches(
            file,
            binding=self.binding,
            symbols=symbols_of(tickers, self.settings.stype_in),
            requested=inside,
            request=self.request_parameters(schema),
            origin=f"timeseries.get_range {self.settings.dataset} {schema} {inside.start_us}000 {inside.end_us}000",
        )

    def _days(self, request: RequestContext) -> list[DayCondition]:
        """Return the state of each day of the dataset in a range; requested once in five minutes."""
        requested = request.bounds
        cached = self._conditions.get(requested)
        if cached is None or self._clock() - cached[0] > WINDOW_SECONDS:
            context = replace(request, what="condition of the dataset", tickers=(), schema="")
            cached = (self._clock(), databento_metadata.conditions(self._session, context))
            self._conditions[requested] = cached
        return cached[1]

    def _window(self, request: RequestContext) -> _Window:
        """Return what the key may read of a schema; requested once in five minutes."""
        schema = request.schema
        _check_schema(schema)
        with self._updating:
            window = self._windows.get(schema)
            if window is None or self._clock() - window.at > WINDOW_SECONDS:
                context = replace(request, what="range of the dataset", tickers=(), range=None)
                window = _Window(self._clock(), databento_metadata.dataset_window(self._session, context))
                self._windows[schema] = window
        return window

    def _clamping(
        self, context: RequestContext, work: Callable[[RequestContext], T]
    ) -> tuple[T | None, TimeRange | None]:
        """Do `work` for the part of the context's range that the vendor has; return its value and that part."""
        # The data, or the key's licence, may end before the range that the vendor named: its refusal has the end.
        tries_left = _MORE_TRIES
        while (inside := self._clamped(context)) is not None:
            try:
                return work(replace(context, range=inside)), inside
            except CallFailedError as error:
                if error.failure.code == _UNRESOLVED:
                    return None, inside
                self._shorten_window(context.schema, inside, error, can_try=tries_left > 0)
                tries_left -= 1
        return None, None

    def _clamped(self, context: RequestContext) -> TimeRange | None:
        """Return the context's range in whole bars that are closed and within the vendor's range."""
        requested, schema = context.bounds, context.schema
        window = self._window(context).range
        vendor_end = bar_grid.floor_us(window.end_us, schema, "UTC")
        end_us = min(requested.end_us, self.last_closed_us(schema, ""), vendor_end)
        return _aligned(max(requested.start_us, window.start_us), end_us, schema)

    def _shorten_window(self, schema: str, refused: TimeRange, error: CallFailedError, *, can_try: bool) -> None:
        """Take the end of what the key may read from a refusal; raise the error of one that names none."""
        failure = error.failure
        end_us = named_end_us(failure) if failure.code in (_PAST_AVAILABLE, _PAST_LICENCE) else None
        if end_us is None or not can_try:
            self._session.fail(error)
        with self._updating:
            window = self._windows[schema]
            # An end that was refused itself is not within it.
            end_us = max(window.range.start_us + 1, min(end_us, refused.end_us - 1, window.range.end_us))
            refusal = past_the_end(failure) if failure.code == _PAST_LICENCE else window.refusal
            self._windows[schema] = replace(window, range=TimeRange(window.range.start_us, end_us), refusal=refusal)

    def _past_licence(self, request: RequestContext, wanted: TimeRange) -> Iterator[BarBatch]:
        """Yield the part of a range that is past the end of the key's licence, ticker by ticker."""
        window, schema = self._window(request), request.schema
        end_us = bar_grid.floor_us(window.range.end_us, schema, "UTC")
        beyond = _aligned(max(wanted.start_us, end_us), wanted.end_us, schema)
        if window.refusal is not None and beyond is not None:
            for ticker in request.tickers:
                yield day_conditions.absent(self._empty(ticker, schema, beyond), (beyond,), window.refusal)

    def _empty(self, ticker: str, schema: str, answered: TimeRange, reason: str | None = None) -> BarBatch:
        return to_batch(
            no_bars(),
            self.binding,
            ticker=ticker,
            schema=schema,
            answered=answered,
            request=self.request_parameters(schema),
            reason=reason,
        )


def _aligned(start_us: int, end_us: int, schema: str) -> TimeRange | None:
    return bar_grid.align(TimeRange(start_us, end_us), schema, "UTC") if start_us < end_us else None


def _check_schema(schema: str) -> None:
    if schema not in BAR_SCHEMAS:
        raise UnsupportedSchemaError(f"schema: was {schema!r}; use {', '.join(BAR_SCHEMAS)} for Databento")
