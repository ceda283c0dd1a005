"""Splits, dividends and details of a ticker from Polygon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from mtstore.errors import BrokenFileError, SourceAnswerError
from mtstore.sources.custom.splits_and_dividends import Kind, Row, read_reference_row
from mtstore.sources.http.retry import CallFailedError, RequestContext
from mtstore.sources.polygon.responses import Page, quoted, read_details, read_references, reject
from mtstore.sources.polygon.session import PolygonSession

ROWS_PER_PAGE = 1_000


def splits(session: PolygonSession, context: RequestContext) -> list[Row]:
    """Return all splits of the ticker as rows of `core.splits` without `seen_at`, the oldest first."""
    return sorted(_rows(session, context, "splits"), key=lambda row: row["execution_date"])


def dividends(session: PolygonSession, context: RequestContext) -> list[Row]:
    """Return all cash dividends of the ticker as rows of `core.dividends` without `seen_at`, the oldest first."""
    return sorted(_rows(session, context, "dividends"), key=lambda row: row["ex_dividend_date"])


def details(session: PolygonSession, context: RequestContext, *, on: date | None = None) -> Mapping[str, Any] | None:
    """Return the details of the ticker; None if the vendor does not know it."""
    ticker = context.tickers[0]

    def ask(client: Any) -> Mapping[str, Any]:
        response = client.get_ticker_details(quoted(ticker), date=on and on.isoformat(), raw=True)
        return read_details(response, ticker=ticker)

    try:
        return session.call(ask, context)
    except CallFailedError as error:
        if error.failure.status == 404:
            return None
        session.fail(error)


def _rows(session: PolygonSession, context: RequestContext, kind: Kind) -> list[Row]:
    """Return the rows of all pages, each once."""
    ticker, source = context.tickers[0], session.settings.source
    found: dict[Any, Row] = {}
    seen: set[Any] = set()
    query: Mapping[str, str] = {}

    def ask(client: Any) -> tuple[Page, list[Row]]:
        first = {} if query else {"ticker": ticker, "limit": ROWS_PER_PAGE}
        page = read_references(getattr(client, f"list_{kind}")(params=dict(query), raw=True, **first))
        others = sorted({str(row.get("ticker")) for row in page.rows} - {ticker})
        if others:
            reject(f"the response is about other tickers, {', '.join(others)}", page.request_id)
        try:
            return page, [read_reference_row(row, kind, kind) | {"source": source} for row in page.rows]
        except BrokenFileError as error:
            reject(str(error), page.request_id)

    while True:
        page, rows = session.ask(ask, context)
        found.update((tuple(row.items()), row) for row in rows)
        if page.next_page is None:
            return list(found.values())
        query = page.next_page.query
        position = tuple(sorted(query.items()))
        if not query or position in seen:
            raise SourceAnswerError(f"{source}: {context}: paging goes in circles")
        seen.add(position)
