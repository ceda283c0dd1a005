"""Find dividends in reach of a request that are too large to be applied."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mtstore import sqlfiles
from mtstore.arguments import first_few

if TYPE_CHECKING:
    from mtstore.query.request.request import SeriesRequest
    from mtstore.query.snapshot.store_facts import StoreFacts


def describe_refused_dividends(facts: StoreFacts, request: SeriesRequest) -> str | None:
    """Return a warning about dividends that would adjust bars of the request; None if all of them can be applied."""
    if request.adjust != "all":
        return None
    start = request.bounds.start
    first = start.astimezone(ZoneInfo(request.tz)).date() if isinstance(start, datetime) else start or date.min
    found = [row for row in facts.rows("store_facts.refused_dividends") if row["ex_dividend_date"] > first]
    if not found:  # nearly always: the series need not be looked up
        return None
    rows = facts.connection.execute(sqlfiles.load("request.series"), request.series_parameters()).fetchall()
    read = {(ticker, source, schema) for ticker, source, schema, *_ in rows}
    texts = [
        f"{row['ticker']}: {row['reason']}" for row in found if (row["ticker"], row["source"], row["schema"]) in read
    ]
    return first_few(texts, joint="; ") if texts else None
