"""Databento's historical API: bars of one dataset, paid by the byte, streamed to disk and checked before use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from mtstore.bars import BAR_SCHEMAS, BarBatch, SourceBinding, is_daily, step_us
from mtstore.errors import ConfigError, UnsupportedSchemaError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, Ranges, TimeRange
from mtstore.sources import bar_grid
from mtstore.sources.bar_rules import no_bars
from mtstore.sources.databento import metadata as databento_metadata
from mtstore.sources.databento.download import Downloader, symbols_of
from mtstore.sources.databento.metadata import DayCondition
from mtstore.sources.databento.responses import to_batches, unresolved
from mtstore.sources.databento.session import DatabentoSession
from mtstore.sources.http.request_stats import RequestStats
from mtstore.sources.http.retry import CallFailedError, RequestContext
from mtstore.sources.http.settings import NetworkSettings
from mtstore.sources.vendor import CostBudget, Estimate, to_batch

T = TypeVar("T")

RECORDS_PER_CHUNK = 2_000_000
WINDOW_SECONDS = 300.0

_HOURS_A_WEEK = 5 * 23
_PAST_THE_END = "data_end_after_available_end"
_UNRESOLVED = "symbology_invalid_request"


class DatabentoSource:
    """One named Databento source, bound to one dataset.

    Parameters
    ----------
    settings
        Dataset, kind of symbols, gateway, key, and how much may be spent.
    clock
        Seconds since the epoch; tests set the time.
    """

    max_tickers_per_request = 2_000
    reports_changes = True
    schemas = BAR_SCHEMAS

    def __init__(self, settings: NetworkSettings, *, clock: Callable[[], float] = time.time) -> None:
        if settings.stype_in == "parent":
            raise ConfigError(
                f"sources.{settings.source}.stype_in: was 'parent', whose symbols stand for many instruments; "
                "use raw_symbol or continuous"
            )
        self.settings = settings
        self.binding = SourceBinding(settings.source, "databento", settings.dataset)
        self._clock = clock
        self._session = DatabentoSession(settings)
        self._downloader = Downloader(self._session)
        self._updating = threading.Lock()
        self._windows: dict[str, tuple[float, TimeRange]] = {}
        self._conditions: dict[TimeRange, tuple[float, list[DayCondition]]] = {}

    def request_parameters(self, schema: str) -> Mapping[str, Any]:
        """Return the parameters that change the data."""
        _check_schema(schema)
        return {"stype_in": self.settings.stype_in}

    def day_tz(self, ticker: str) -> str:
        """Daily bars are of UTC days, whatever the ticker."""
        del ticker
        return "UTC"

    def chunk_span_us(self, schema: str, tickers: Sequence[str]) -> int:
        """Return the length of a range with about two million records, if every bar of a futures week exists."""
        a_week = 7.0 if is_daily(schema) else _HOURS_A_WEEK * 3_600 * US_PER_SECOND / step_us(schema)
        weeks = RECORDS_PER_CHUNK / (a_week * max(1, len(tickers)))
        return max(1, int(weeks * 7)) * US_PER_DAY

    def last_closed_us(self, schema: str, ticker: str) -> int:
        """Return the close of the last bar that is certainly published, by the clock alone."""
        lag_us = round(self.settings.publishing_lag_seconds * US_PER_SECOND)
        now_us = int(self._clock() * US_PER_SECOND)
        return bar_grid.last_closed_us(now_us, schema, self.day_tz(ticker), lag_us=lag_us)

    def window(
        self, schema: str, *, cancel: threading.Event | None = None, stats: RequestStats | None = None
    ) -> TimeRange:
        """Return the range of a schema that the key may read; requested once in five minutes."""
        _check_schema(schema)
        with self._updating:
            known = self._windows.get(schema)
            if known is None or self._clock() - known[0] > WINDOW_SECONDS:
                context = RequestContext(
                    "range of the dataset", schema=schema, cancel=cancel, stats=stats or RequestStats()
                )
                known = (self._clock(), databento_metadata.dataset_window(self._session, schema, context))
                self._windows[schema] = known
        return known[1]

    def conditions(
        self, asked: TimeRange, *, cancel: threading.Event | None = None, stats: RequestStats | None = None
    ) -> list[DayCondition]:
        """Return the state of each UTC day of a range, and when it last changed; free of charge."""
        context = RequestContext("condition of the dataset", range=asked, cancel=cancel, stats=stats or RequestStats())
        return databento_metadata.conditions(self._session, asked, context)

    def changed_since(
        self,
        asked: TimeRange,
        since_us: int,
        *,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Ranges:
        """Return the parts of a range whose data may have changed since an instant.

        Free of charge, and requested once in five minutes.
        """
        known = self._conditions.get(asked)
        if known is None or self._clock() - known[0] > WINDOW_SECONDS:
            known = (self._clock(), self.conditions(asked, cancel=cancel, stats=stats))
            self._conditions[asked] = known
        return databento_metadata.changed_since(known[1], asked, since_us)

    def resolve(
        self,
        tickers: Sequence[str],
        asked: TimeRange,
        *,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Mapping[str, Any]:
        """Return the instrument of each ticker by date."""
        context = RequestContext(
            "symbology", tickers=tickers, range=asked, cancel=cancel, stats=stats or RequestStats()
        )
        return databento_metadata.resolve(self._session, tickers, asked, context)

    def estimate(
        self,
        tickers: Sequence[str],
        schema: str,
        asked: TimeRange,
        *,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Estimate:
        """Request what a fetch would bring and cost (two free requests); the fetch that follows uses it."""
        context = RequestContext(
            "estimate", schema=schema, tickers=tickers, range=asked, cancel=cancel, stats=stats or RequestStats()
        )
        symbols_of(tickers, self.settings.stype_in)
        estimate, _ = self._clamping(context, self._downloader.estimate)
        return estimate or Estimate(requests=0, records=0, bytes=0, cost_usd=0.0)

    def fetch(
        self,
        tickers: Sequence[str],
        schema: str,
        asked: TimeRange,
        *,
        folder: Path | None = None,
        budget: CostBudget | None = None,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Iterator[BarBatch]:
        """Yield the bars of all tickers that open in `asked`, as far as they are closed and the vendor has them.

        Parameters
        ----------
        folder
            Folder for the download, which is deleted after it is read.
        budget
            The money for it; by default the settings' `max_cost_usd` for this fetch alone.

        Yields
        ------
        BarBatch
            One per ticker for the part that the vendor has, and before it an 'empty' one with a reason for the time
            before the dataset. A ticker that does not resolve gives an 'empty' one with a reason, too.

        Raises
        ------
        CostLimitError
            The budget does not cover the cost; no data was requested.
        SourceError
            The fetch failed; no batch is yielded.
        concurrent.futures.CancelledError
            `cancel` was set.
        """
        stats = stats or RequestStats()
        symbols = symbols_of(tickers, self.settings.stype_in)
        last_closed = min(asked.end_us, self.last_closed_us(schema, ""))
        if last_closed <= asked.start_us:
            return
        begins = self.window(schema, cancel=cancel, stats=stats).start_us
        before = _before(TimeRange(asked.start_us, last_closed), begins, schema)
        if before is not None:
            for ticker in tickers:
                yield self._empty(ticker, schema, before, "before the first data that the vendor has for this key")
        budget = budget or CostBudget(self.settings.max_cost_usd)
        with TemporaryDirectory(prefix="databento-", dir=folder, ignore_cleanup_errors=True) as scratch:
            context = RequestContext("bars", schema=schema, tickers=tickers, range=asked, cancel=cancel, stats=stats)
            file, inside = self._clamping(context, lambda one: self._downloader.download(one, Path(scratch), budget))
            if inside is None:
                return
            if file is None:
                for ticker in tickers:
                    yield self._empty(ticker, schema, inside, unresolved(ticker))
                return
            yield from to_batches(
                file,
                binding=self.binding,
                symbols=symbols,
                asked=inside,
                request=self.request_parameters(schema),
                origin=f"timeseries.get_range {self.settings.dataset} {schema} {inside.start_us}000 {inside.end_us}000",
            )

    def _clamping(
        self, context: RequestContext, work: Callable[[RequestContext], T]
    ) -> tuple[T | None, TimeRange | None]:
        """Do `work` for the part of the context's range that the vendor has; return its value and that part."""
        # The vendor's data may end before the range that it named: its error has the end, for one more request.
        for is_first in (True, False):
            inside = self._clamped(context)
            if inside is None:
                break
            try:
                return work(replace(context, range=inside)), inside
            except CallFailedError as error:
                if error.failure.code == _UNRESOLVED:
                    return None, inside
                end = error.failure.payload.get("available_end")
                if not (is_first and error.failure.code == _PAST_THE_END and isinstance(end, str)):
                    self._session.fail(error)
                self._shorten_window(context.schema, databento_metadata.read_instant_us(end))
        return None, None

    def _clamped(self, context: RequestContext) -> TimeRange | None:
        """Return the context's range in whole bars that are closed and within the vendor's range."""
        asked, schema = context.bounds, context.schema
        window = self.window(schema, cancel=context.cancel, stats=context.stats)
        start_us = max(asked.start_us, window.start_us)
        vendor_end = bar_grid.floor_us(window.end_us, schema, "UTC")
        end_us = min(asked.end_us, self.last_closed_us(schema, ""), vendor_end)
        return bar_grid.align(TimeRange(start_us, end_us), schema, "UTC") if start_us < end_us else None

    def _shorten_window(self, schema: str, end_us: int) -> None:
        with self._updating:
            asked_at, window = self._windows[schema]
            self._windows[schema] = (asked_at, TimeRange(window.start_us, max(window.start_us + 1, end_us)))

    def _empty(self, ticker: str, schema: str, answered: TimeRange, reason: str) -> BarBatch:
        return to_batch(
            no_bars(),
            self.binding,
            ticker=ticker,
            schema=schema,
            answered=answered,
            request=self.request_parameters(schema),
            reason=reason,
        )


def _before(asked: TimeRange, begins_us: int, schema: str) -> TimeRange | None:
    """Return the part of a range before the vendor's first bar."""
    end_us = min(asked.end_us, bar_grid.ceil_us(begins_us, schema, "UTC"))
    if end_us <= asked.start_us:
        return None
    return bar_grid.align(TimeRange(asked.start_us, end_us), schema, "UTC")


def _check_schema(schema: str) -> None:
    if schema not in BAR_SCHEMAS:
        raise UnsupportedSchemaError(f"schema: was {schema!r}; use {', '.join(BAR_SCHEMAS)} for Databento")
