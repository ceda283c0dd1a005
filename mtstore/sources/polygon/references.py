"""Splits, dividends and details of a ticker from Polygon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from mtstore.errors import BrokenFileError, SourceAnswerError
from mtstore.sources.custom.splits_and_dividends import Kind, Row, read_reference_row, with_event_id
from mtstore.sources.http.failures import CallFailedError, reject
from mtstore.sources.http.request import RequestContext
from mtstore.sources.polygon.responses import Page, quoted, read_details, read_references
from mtstore.sources.polygon.session import PolygonSession

ROWS_PER_PAGE = 1_000
# Far more than any ticker has events, also where a page has few.
_MOST_PAGES = 1_000


def rows(session: PolygonSession, context: RequestContext, kind: Kind) -> list[Row]:
    """Return the ticker's splits or cash dividends as rows of `core.<kind>` without `seen_at`, the oldest first."""
    ticker, source = context.tickers[0], session.settings.source
    found: dict[Any, Row] = {}
    query: Mapping[str, str] = {}

    def read(client: Any) -> tuple[Page, list[Row]]:
        first = {} if query else {"ticker": ticker, "limit": ROWS_PER_PAGE}
        page = read_references(getattr(client, f"list_{kind}")(params=dict(query), raw=True, **first))
        others = sorted({str(row.get("ticker")) for row in page.rows} - {ticker})
        if others:
            reject(f"the response is about other tickers, {', '.join(others)}", request_id=page.request_id)
        try:
            rows = [read_reference_row(with_event_id(row), kind, kind) for row in page.rows]
            return page, [row | {"source": source} for row in rows]
        except BrokenFileError as error:
            reject(str(error), request_id=page.request_id)

    for _ in range(_MOST_PAGES):
        page, of_page = session.call(read, context)
        known = len(found)
        # A row that comes on two pages is one row.
        found.update((tuple(row.items()), row) for row in of_page)
        if page.next_page is None:
            date_column = "execution_date" if kind == "splits" else "ex_dividend_date"
            return sorted(found.values(), key=lambda row: row[date_column])
        query = page.next_page.query
        if not query or len(found) == known:
            raise SourceAnswerError(f"{source}: {context}: a page without new rows names a next page")
    raise SourceAnswerError(f"{source}: {context}: more than {_MOST_PAGES:,} pages; no ticker has so many {kind}")


def details(session: PolygonSession, context: RequestContext, *, on: date | None = None) -> Mapping[str, Any] | None:
    """Return the details of the ticker; None if the vendor does not know it."""
    ticker = context.tickers[0]

    def read(client: Any) -> Mapping[str, Any]:
        response = client.get_ticker_details(quoted(ticker), date=on and on.isoformat(), raw=True)
        return read_details(response, ticker=ticker)

    try:
        return session.try_call(read, context)
    except CallFailedError as error:
        if error.failure.status == 404:
            return None
        session.fail(error)
