"""Polygon.io, now Massive, over REST: unadjusted bars, splits, dividends and ticker details.

A range is fetched page by page, so that every request passes the rate limiter. Where pages come slowly, the bars up to
the beginning of the next page are yielded before it is requested.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from mtstore.bars import BarBatch, SourceBinding, is_daily
from mtstore.infer_calendar import guess_calendar
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, TimeRange
from mtstore.sources import bar_grid
from mtstore.sources.bar_rules import check_bars
from mtstore.sources.checked_bars import CheckedBars, no_bars
from mtstore.sources.custom.splits_and_dividends import Kind, Row
from mtstore.sources.http.downloads import Downloads
from mtstore.sources.http.failures import CallFailedError
from mtstore.sources.http.named_end import past_the_end
from mtstore.sources.http.request import RequestContext
from mtstore.sources.http.settings import NetworkSettings
from mtstore.sources.polygon import references as polygon_references
from mtstore.sources.polygon.bars import PAGE_BASE_AGGREGATES, BarPages, span_of
from mtstore.sources.polygon.plan_limits import end_of_plan_us, left_out
from mtstore.sources.polygon.responses import Page
from mtstore.sources.polygon.session import PolygonSession
from mtstore.sources.vendor import CostBudget, Estimate, VendorSource, to_batch

PAGES_PER_CHUNK = 6

_DELAY_US = 15 * 60 * US_PER_SECOND


class PolygonSource(VendorSource):
    """One named Polygon source, whose plan has no price per request."""

    max_tickers_per_request = 1

    def __init__(self, settings: NetworkSettings, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings, clock=clock)
        self.binding = SourceBinding(settings.source, "polygon")
        self._session = PolygonSession(settings)

    def request_parameters(self, schema: str) -> Mapping[str, Any]:
        span_of(schema)
        return {"adjusted": False}

    def day_tz(self, ticker: str) -> str:
        """Return New York, or UTC for crypto and currencies."""
        return "UTC" if ticker.startswith(("X:", "C:")) else "America/New_York"

    def chunk_span_us(self, schema: str, tickers: Sequence[str]) -> int:
        """Return the length of a range of about six pages; daily bars of all years fit on one."""
        rate = max(self._base_aggregates_a_week(schema, ticker) for ticker in tickers)
        return max(1, int(PAGES_PER_CHUNK * PAGE_BASE_AGGREGATES / rate * 7)) * US_PER_DAY

    def estimate(self, request: RequestContext, *, rescued: Path | None = None) -> Estimate:
        """Return the most requests that a fetch needs; answers in pages are committed as they come, not kept."""
        del rescued
        weeks = (request.bounds.end_us - request.bounds.start_us) / (7 * US_PER_DAY)
        rates = [self._base_aggregates_a_week(request.schema, ticker) for ticker in request.tickers]
        pages = (max(1, -(-int(weeks * rate) // PAGE_BASE_AGGREGATES)) for rate in rates)
        return Estimate(requests=sum(pages), cost_usd=0.0)

    def fetch(
        self, request: RequestContext, *, downloads: Downloads | None = None, budget: CostBudget | None = None
    ) -> Iterator[BarBatch]:
        """Yield one batch per ticker, and a 'failed' one where the plan leaves out the beginning, or the end."""
        schema, requested = request.schema, request.bounds
        span_of(schema)
        for ticker in request.tickers:
            end_us = min(requested.end_us, self.last_closed_us(schema, ticker))
            if end_us <= requested.start_us:
                continue
            aligned = bar_grid.align(TimeRange(requested.start_us, end_us), schema, self.day_tz(ticker))
            if aligned is not None:
                yield from self._within_plan(replace(request, tickers=(ticker,)), aligned)

    def references(self, request: RequestContext, kind: Kind) -> list[Row]:
        """Return all splits or cash dividends of the request's ticker; see `polygon.references`."""
        return polygon_references.rows(self._session, replace(request, what=kind), kind)

    def details(self, request: RequestContext, *, on: date | None = None) -> Mapping[str, Any] | None:
        """Return the details of the request's ticker (on a day); None if the vendor does not know it."""
        return polygon_references.details(self._session, replace(request, what="details"), on=on)

    def _within_plan(self, request: RequestContext, aligned: TimeRange) -> Iterator[BarBatch]:
        """Fetch one ticker's bars up to the end of what the plan includes."""
        [ticker], schema = request.tickers, request.schema
        day_tz = self.day_tz(ticker)
        try:
            has_answer = False
            try:
                for batch in self._fetch_one(request, aligned):
                    has_answer = True
                    yield batch
            except CallFailedError as error:
                end_us = end_of_plan_us(error.failure, aligned, now_us=self._now_us, schema=schema, day_tz=day_tz)
                if end_us is None or has_answer:
                    raise
                if end_us > aligned.start_us:
                    yield from self._fetch_one(request, TimeRange(aligned.start_us, end_us))
                beyond = TimeRange(end_us, aligned.end_us)
                yield self._refused(ticker, schema, beyond, past_the_end(error.failure), is_unavailable=True)
        except CallFailedError as error:
            self._session.fail(error)

    def _fetch_one(self, request: RequestContext, aligned: TimeRange) -> Iterator[BarBatch]:
        [ticker], schema = request.tickers, request.schema
        bar_pages = BarPages(self._session, replace(request, range=aligned), day_tz=self.day_tz(ticker))
        for part, pages in bar_pages.parts():
            answered = part
            if any(page.is_delayed for page in pages):
                # A plan with delayed data: the last 15 minutes are missing from every response.
                end_us = bar_grid.floor_us(self._now_us - _DELAY_US, schema, self.day_tz(ticker))
                if end_us <= part.start_us:
                    return
                answered = TimeRange(part.start_us, min(part.end_us, end_us))
            checked = self._check(ticker, schema, part, pages)
            if answered != part:
                checked = _until(checked, answered.end_us)
            clipped = self._clipped(bar_pages, request, answered, pages) if part.start_us == aligned.start_us else None
            if clipped is not None:
                yield clipped
                answered = TimeRange(clipped.ranges[-1].end_us, answered.end_us)
            yield to_batch(
                checked,
                self.binding,
                ticker=ticker,
                schema=schema,
                answered=answered,
                request=self.request_parameters(schema),
                origin=bar_pages.origin,
                day_tz=self.day_tz(ticker),
            )

    def _clipped(
        self, bar_pages: BarPages, request: RequestContext, answered: TimeRange, pages: Sequence[Page]
    ) -> BarBatch | None:
        """Return the beginning of the range as 'failed' if the plan left it out, as plans of limited history do."""
        import numpy as np

        [ticker], day_tz = request.tickers, self.day_tz(request.tickers[0])
        times = np.concatenate([page.columns["ts_us"] for page in pages])
        before = left_out(times, answered, ticker=ticker, day_tz=day_tz)
        refusal = None if before is None else bar_pages.refusal_of_first_day(before)
        if before is None or refusal is None:
            return None
        return self._refused(ticker, request.schema, before, f"clipped by the vendor: {refusal.message}")

    def _refused(
        self, ticker: str, schema: str, refused: TimeRange, reason: str, *, is_unavailable: bool = False
    ) -> BarBatch:
        request, day_tz = self.request_parameters(schema), self.day_tz(ticker)
        batch = to_batch(
            no_bars(),
            self.binding,
            ticker=ticker,
            schema=schema,
            answered=refused,
            request=request,
            day_tz=day_tz,
            result="failed",
            reason=reason,
        )
        return replace(batch, is_unavailable=is_unavailable)

    def _check(self, ticker: str, schema: str, aligned: TimeRange, pages: Sequence[Page]) -> CheckedBars:
        import numpy as np

        others = [
            name
            for page in pages
            for name in [None if page.ticker == ticker else page.ticker] * len(page.columns["ts_us"])
        ]
        columns = {name: np.concatenate([page.columns[name] for page in pages]) for name in pages[0].columns}
        if ticker.startswith("I:") and np.isnan(columns["volume"]).all():
            del columns["volume"]  # Indices are computed, not traded.
        return check_bars(
            columns,
            schema=schema,
            day_tz=self.day_tz(ticker),
            ranges=(aligned,),
            allows_negative_prices=ticker.startswith("I:"),
            calendar=guess_calendar(ticker, "polygon"),
            other_tickers=others if any(others) else None,
        )

    def _base_aggregates_a_week(self, schema: str, ticker: str) -> float:
        if is_daily(schema):
            return 7.0
        # At most: 16 hours on five days for exchanges, all hours for crypto and currencies.
        minutes = 7 * 1_440.0 if self.day_tz(ticker) == "UTC" else 5 * 960.0
        return minutes * 60 if schema == "ohlcv-1s" else minutes


def _until(checked: CheckedBars, end_us: int) -> CheckedBars:
    import pyarrow as pa
    import pyarrow.compute as pc

    end = pa.scalar(end_us, pa.timestamp("us", tz="UTC"))
    return replace(checked, bars=checked.bars.filter(pc.less(checked.bars["ts_event"], end)))
