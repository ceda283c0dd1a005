"""Polygon.io, now Massive, over REST: unadjusted bars, splits, dividends and ticker details.

A range is fetched page by page, so that every request passes the rate limiter. Rows of a chunk are yielded after its
last page was received and checked.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from mtstore.bars import BAR_SCHEMAS, BarBatch, SourceBinding, is_daily
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, Ranges, TimeRange
from mtstore.sources import bar_grid
from mtstore.sources.bar_rules import CheckedBars, check_bars, no_bars
from mtstore.sources.http.request_stats import RequestStats
from mtstore.sources.http.retry import RequestContext
from mtstore.sources.http.settings import NetworkSettings
from mtstore.sources.polygon import references as polygon_references
from mtstore.sources.polygon.bars import PAGE_BASE_AGGREGATES, BarPages, span_of
from mtstore.sources.polygon.responses import Page
from mtstore.sources.polygon.session import PolygonSession
from mtstore.sources.vendor import CostBudget, Estimate, to_batch

PAGES_PER_CHUNK = 6

# Most base aggregates in a week: 16 hours on five days for exchanges, all hours for crypto and currencies.
_MINUTES_A_WEEK = {True: 7 * 1_440, False: 5 * 960}
_DELAY_US = 15 * 60 * US_PER_SECOND


class PolygonSource:
    """One named Polygon source.

    Parameters
    ----------
    settings
        Address, key and speed.
    clock
        Seconds since the epoch; tests set the time.
    """

    max_tickers_per_request = 1
    reports_changes = False
    schemas = BAR_SCHEMAS

    def __init__(self, settings: NetworkSettings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.binding = SourceBinding(settings.source, "polygon")
        self._clock = clock
        self._session = PolygonSession(settings)

    def request_parameters(self, schema: str) -> Mapping[str, Any]:
        """Return the parameters that change the data."""
        span_of(schema)
        return {"adjusted": False}

    def day_tz(self, ticker: str) -> str:
        """Return the zone whose days daily bars are: New York, or UTC for crypto and currencies."""
        return "UTC" if ticker.startswith(("X:", "C:")) else "America/New_York"

    def chunk_span_us(self, schema: str, tickers: Sequence[str]) -> int:
        """Return the length of a range of about six pages; daily bars of all years fit on one."""
        trades_always = any(self.day_tz(ticker) == "UTC" for ticker in tickers)
        weeks = PAGES_PER_CHUNK * PAGE_BASE_AGGREGATES / _base_aggregates_a_week(schema, trades_always=trades_always)
        return max(1, int(weeks * 7)) * US_PER_DAY

    def changed_since(
        self,
        asked: TimeRange,
        since_us: int,
        *,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Ranges:
        """Return all of the range: the vendor does not report when its bars change."""
        del since_us, cancel, stats
        return (asked,)

    def last_closed_us(self, schema: str, ticker: str) -> int:
        """Return the close of the last bar that is certainly published."""
        lag_us = round(self.settings.publishing_lag_seconds * US_PER_SECOND)
        return bar_grid.last_closed_us(self._now_us(), schema, self.day_tz(ticker), lag_us=lag_us)

    def estimate(
        self,
        tickers: Sequence[str],
        schema: str,
        asked: TimeRange,
        *,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Estimate:
        """Return the most requests that a fetch needs; the plan has no price per request."""
        weeks = (asked.end_us - asked.start_us) / (7 * US_PER_DAY)
        requests = 0
        for ticker in tickers:
            rate = _base_aggregates_a_week(schema, trades_always=self.day_tz(ticker) == "UTC")
            requests += max(1, -(-int(weeks * rate) // PAGE_BASE_AGGREGATES))
        return Estimate(requests=requests, cost_usd=0.0)

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
        """Yield the bars of each ticker that open in `asked`, as far as they are closed and published.

        Yields
        ------
        BarBatch
            One per ticker, for all of the range; two where the vendor's plan clips the beginning: the clipped part is
            'failed'. Rows that break the rules for bars are in `quarantined`; their bars are in `partial_ranges`, or
            the batch is 'partial' if it is in doubt as a whole.

        Raises
        ------
        SourceError
            A request failed; no batch of the ticker is yielded.
        concurrent.futures.CancelledError
            `cancel` was set, less than a second ago.
        """
        span_of(schema)
        for ticker in tickers:
            end_us = min(asked.end_us, self.last_closed_us(schema, ticker))
            if end_us <= asked.start_us:
                continue
            aligned = bar_grid.align(TimeRange(asked.start_us, end_us), schema, self.day_tz(ticker))
            if aligned is not None:
                yield from self._fetch_one(ticker, schema, aligned, cancel, stats or RequestStats())

    def splits(
        self, ticker: str, *, cancel: threading.Event | None = None, stats: RequestStats | None = None
    ) -> list[dict[str, Any]]:
        """Return all splits of a ticker as rows of `core.splits` without `seen_at`, the oldest first."""
        context = RequestContext("splits", tickers=(ticker,), cancel=cancel, stats=stats or RequestStats())
        return polygon_references.splits(self._session, context)

    def dividends(
        self, ticker: str, *, cancel: threading.Event | None = None, stats: RequestStats | None = None
    ) -> list[dict[str, Any]]:
        """Return all cash dividends of a ticker as rows of `core.dividends` without `seen_at`, the oldest first."""
        context = RequestContext("dividends", tickers=(ticker,), cancel=cancel, stats=stats or RequestStats())
        return polygon_references.dividends(self._session, context)

    def details(
        self,
        ticker: str,
        *,
        on: date | None = None,
        cancel: threading.Event | None = None,
        stats: RequestStats | None = None,
    ) -> Mapping[str, Any] | None:
        """Return the details of a ticker (on a day); None if the vendor does not know it."""
        context = RequestContext("details", tickers=(ticker,), cancel=cancel, stats=stats or RequestStats())
        return polygon_references.details(self._session, context, on=on)

    def _fetch_one(
        self, ticker: str, schema: str, aligned: TimeRange, cancel: threading.Event | None, stats: RequestStats
    ) -> Iterator[BarBatch]:
        context = RequestContext("bars", schema=schema, tickers=(ticker,), range=aligned, cancel=cancel, stats=stats)
        bar_pages = BarPages(self._session, context, day_tz=self.day_tz(ticker))
        pages = bar_pages.all()
        answered = aligned
        if any(page.is_delayed for page in pages):
            # A plan with delayed data: the last 15 minutes are missing from every response.
            end_us = bar_grid.last_closed_us(self._now_us(), schema, self.day_tz(ticker), lag_us=_DELAY_US)
            if end_us <= aligned.start_us:
                return
            answered = TimeRange(aligned.start_us, min(aligned.end_us, end_us))
        checked = self._check(ticker, schema, aligned, pages)
        if answered != aligned:
            checked = _until(checked, answered.end_us)
        to_bars = functools.partial(
            to_batch,
            binding=self.binding,
            ticker=ticker,
            schema=schema,
            request=self.request_parameters(schema),
            origin=bar_pages.origin,
            day_tz=self.day_tz(ticker),
        )
        clipped, reason = bar_pages.clipped(checked.bars, answered)
        if clipped is not None:
            yield to_bars(no_bars(), answered=clipped, result="failed", reason=reason)
            answered = TimeRange(clipped.end_us, answered.end_us)
        yield to_bars(checked, answered=answered)

    def _check(self, ticker: str, schema: str, aligned: TimeRange, pages: Sequence[Page]) -> CheckedBars:
        import numpy as np

        others = [
            name
            for page in pages
            for name in [None if page.ticker == ticker else page.ticker] * len(page.columns["ts_us"])
        ]
        return check_bars(
            {name: np.concatenate([page.columns[name] for page in pages]) for name in pages[0].columns},
            schema=schema,
            day_tz=self.day_tz(ticker),
            ranges=(aligned,),
            allows_negative_prices=ticker.startswith("I:"),
            other_tickers=others if any(others) else None,
        )

    def _now_us(self) -> int:
        return int(self._clock() * US_PER_SECOND)


def _until(checked: CheckedBars, end_us: int) -> CheckedBars:
    import pyarrow as pa
    import pyarrow.compute as pc

    end = pa.scalar(end_us, pa.timestamp("us", tz="UTC"))
    return replace(checked, bars=checked.bars.filter(pc.less(checked.bars["ts_event"], end)))


def _base_aggregates_a_week(schema: str, *, trades_always: bool) -> float:
    if is_daily(schema):
        return 7.0
    minutes = _MINUTES_A_WEEK[trades_always]
    return minutes * 60.0 if schema == "ohlcv-1s" else float(minutes)
