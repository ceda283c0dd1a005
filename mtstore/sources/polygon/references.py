"""What Polygon knows about a ticker besides its bars: splits, dividends, details."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from mtstore.errors import SourceAnswerError
from mtstore.sources.http.retry import CallFailedError, RequestContext
from mtstore.sources.polygon.responses import Page, quoted, read_day, read_details, read_number, read_references, reject
from mtstore.sources.polygon.session import PolygonSession

ROWS_PER_PAGE = 1_000

Row = dict[str, Any]


def splits(session: PolygonSession, context: RequestContext) -> list[Row]:
    """All splits of the context's ticker as rows of `core.splits` without `seen_at`, the oldest first."""
    source = session.settings.source

    def read(row: Mapping[str, Any]) -> Row:
        return {
            "ticker": row["ticker"],
            "execution_date": read_day(row.get("execution_date"), what="execution_date"),
            "split_from": read_number(row.get("split_from"), what="split_from"),
            "split_to": read_number(row.get("split_to"), what="split_to"),
            "source": source,
        }

    return _rows(session, "list_splits", context, read, by="execution_date")


def dividends(session: PolygonSession, context: RequestContext) -> list[Row]:
    """All cash dividends of the context's ticker as rows of `core.dividends` without `seen_at`, the oldest first."""
    source = session.settings.source

    def read(row: Mapping[str, Any]) -> Row:
        return {
            "ticker": row["ticker"],
            "ex_dividend_date": read_day(row.get("ex_dividend_date"), what="ex_dividend_date"),
            "cash_amount": read_number(row.get("cash_amount"), what="cash_amount"),
            "currency": row.get("currency"),
            "dividend_type": row.get("dividend_type"),
            "source": source,
        }

    return _rows(session, "list_dividends", context, read, by="ex_dividend_date")


def details(session: PolygonSession, context: RequestContext, *, on: date | None = None) -> Mapping[str, Any] | None:
    """What is known about the context's ticker; None if the vendor does not know it."""
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


def _rows(
    session: PolygonSession, method: str, context: RequestContext, read: Callable[[Mapping[str, Any]], Row], *, by: str
) -> list[Row]:
    """All pages' rows, each once."""
    ticker = context.tickers[0]
    found: dict[Any, Row] = {}
    seen: set[Any] = set()
    query: Mapping[str, str] = {}

    def ask(client: Any) -> tuple[Page, list[Row]]:
        first = {} if query else {"ticker": ticker, "limit": ROWS_PER_PAGE}
        page = read_references(getattr(client, method)(params=dict(query), raw=True, **first))
        strangers = sorted({str(row.get("ticker")) for row in page.rows} - {ticker})
        if strangers:
            reject(f"the answer is about other tickers, {', '.join(strangers)}", page.request_id)
        return page, [read(row) for row in page.rows]

    while True:
        page, rows = session.ask(ask, context)
        found.update((tuple(row.items()), row) for row in rows)
        if page.next_page is None:
            return sorted(found.values(), key=lambda row: row[by])
        query = page.next_page.query
        position = tuple(sorted(query.items()))
        if not query or position in seen:
            raise SourceAnswerError(f"{session.settings.source}: {context}: paging goes in circles")
        seen.add(position)
