"""The pages of one range of one ticker's bars, and a check whether the plan includes its first day."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mtstore.bars import is_daily, step_us
from mtstore.errors import SourceAnswerError, UnsupportedSchemaError
from mtstore.ranges import US_PER_DAY, TimeRange
from mtstore.sources import bar_grid
from mtstore.sources.http.failures import CallFailedError, Failure
from mtstore.sources.http.request import RequestContext
from mtstore.sources.polygon.client import WholeResponse
from mtstore.sources.polygon.responses import NextPage, Page, quoted, read_aggregates
from mtstore.sources.polygon.session import PolygonSession

PAGE_BASE_AGGREGATES = 50_000
"""The vendor's largest page, counted in base aggregates: minutes for spans up to an hour, days above."""

SPANS = {"ohlcv-1s": "second", "ohlcv-1m": "minute", "ohlcv-1h": "hour", "ohlcv-1d": "day"}

# Pages that come within this time are one part.
_PART_SECONDS = 5.0


class BarPages:
    """The pages of a request for one ticker, whose range is in whole bars."""

    def __init__(self, session: PolygonSession, context: RequestContext, *, day_tz: str) -> None:
        self._session = session
        self._context = context
        self._ticker = context.tickers[0]
        self._span = span_of(context.schema)
        self._day_tz = day_tz

    @property
    def origin(self) -> str:
        """The request, for quarantined rows."""
        start, end = self._bounds(self._context.bounds)
        return f"/v2/aggs/ticker/{quoted(self._ticker)}/range/1/{self._span}/{start}/{end}"

    def __iter__(self) -> Iterator[Page]:
        """Fetch page by page; each page names the next one, so none is missing.

        Paging ends behind the range, and each page before must have a bar of the range that no page had: so there are
        at most as many pages as the range can have bars.

        Raises
        ------
        CallFailedError
            A request failed after all retries.
        SourceAnswerError
            A page names a next one, although it has no new bar of the range.
        """
        known: set[int] = set()
        count = 0
        following: NextPage | None = None
        while True:
            page = self._page(following)
            yield page
            count += 1
            following = page.next_page
            if following is None or self._is_past(page):
                return
            opens = self._opens_in_range(page)
            if opens <= known:
                raise SourceAnswerError(
                    f"{self._session.settings.source}: {self._context}: page {count} has no new bar of the range but "
                    "names a next page; none of its bars since the last commit is stored"
                )
            known |= opens

    def _is_past(self, page: Page) -> bool:
        times = page.columns["ts_us"]
        return bool(len(times)) and bool((times >= self._context.bounds.end_us).all())

    def _opens_in_range(self, page: Page) -> set[int]:
        """Return the opens of the bars of the range to which a page's rows belong."""
        times, bounds = page.columns["ts_us"], self._context.bounds
        inside = times[(times >= bounds.start_us) & (times < bounds.end_us)]
        width_us = US_PER_DAY if is_daily(self._context.schema) else step_us(self._context.schema)
        return set(((inside - bounds.start_us) // width_us).tolist())

    def parts(self) -> Iterator[tuple[TimeRange, list[Page]]]:
        """Yield the pages with the part of the range that they are about.

        One part, or several if that is allowed and pages come slowly: none is kept back for more than a few seconds.
        """
        pages: list[Page] = []
        begin_us, end_us = self._context.bounds.start_us, self._context.bounds.end_us
        began = time.monotonic()
        for page in self:
            pages.append(page)
            cut_us = self._next_begin_us(page)
            is_slow = self._session.may_have_to_wait or time.monotonic() - began > _PART_SECONDS
            if not (is_slow and self._context.in_parts) or cut_us is None or not begin_us < cut_us < end_us:
                continue
            if all(at < cut_us for one in pages for at in one.columns["ts_us"]):
                yield TimeRange(begin_us, cut_us), pages
                pages, begin_us, began = [], cut_us, time.monotonic()
        yield TimeRange(begin_us, end_us), pages

    def _next_begin_us(self, page: Page) -> int | None:
        """Return where the next page begins, in whole bars; None if it does not say, or is about days."""
        start = None if page.next_page is None else page.next_page.start
        if start is None or not start.isdigit() or is_daily(self._context.schema):
            return None
        return bar_grid.floor_us(int(start) * 1_000, self._context.schema, self._day_tz)

    def _page(self, following: NextPage | None) -> Page:
        if following is None:
            start, end = self._bounds(self._context.bounds)
            return self._session.try_call(
                lambda client: self._list(client, start, end, sort="asc", limit=PAGE_BASE_AGGREGATES), self._context
            )
        return self._session.try_call(
            lambda client: self._list(client, following.start, following.end, params=dict(following.query)),
            self._context,
        )

    def _list(self, client: Any, start: str | None, end: str | None, **more: Any) -> Page:
        # The cursor of a later page does not carry `adjusted`, and the vendor's default is true.
        response: WholeResponse = client.list_aggs(
            quoted(self._ticker), 1, self._span, start, end, adjusted=False, raw=True, **more
        )
        self._context.stats.bytes_received += len(response.data)
        return read_aggregates(response, ticker=self._ticker, span=self._span)

    def _bounds(self, aligned: TimeRange) -> tuple[str, str]:
        # The vendor includes both bounds: days by name, other times in milliseconds.
        if is_daily(self._context.schema):
            days = bar_grid.days_in(aligned, self._day_tz)
            return days[0].isoformat(), days[-1].isoformat()
        return str(aligned.start_us // 1_000), str(aligned.end_us // 1_000 - 1)

    def refusal_of_first_day(self, left_out: TimeRange) -> Failure | None:
        """Return the vendor's refusal if its plan does not include the first day of a range that its answer left out.

        The vendor refuses a range that is wholly before the plan's history, and clips others without a word. Without a
        refusal there were no trades.
        """
        first_day = TimeRange(left_out.start_us, left_out.start_us + US_PER_DAY)
        probe = replace(self._context, range=first_day)
        bounds = self._bounds(first_day)
        try:
            page = self._session.try_call(lambda client: self._list(client, *bounds, sort="asc", limit=1), probe)
        except CallFailedError as error:
            if error.failure.status == 403:
                return error.failure
            raise
        if len(page.columns["ts_us"]):
            raise SourceAnswerError(
                f"{self._session.settings.source}: {probe}: the vendor has bars here that its response for the whole "
                "range left out"
            )
        return None


def span_of(schema: str) -> str:
    """Return the vendor's word for the width of a bar."""
    if schema not in SPANS:
        raise UnsupportedSchemaError(f"schema: was {schema!r}; use {', '.join(SPANS)} for Polygon")
    return SPANS[schema]
