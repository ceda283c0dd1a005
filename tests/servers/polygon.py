"""Polygon's REST API as far as mtstore uses it.

A company holds second bars, minute bars and day bars of New York; hours are made from minutes. Paging counts base
aggregates; the cursor holds limit and sort and nothing else, as the vendor's does, so that a client that does not
repeat `adjusted=false` gets adjusted bars from the second page on.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any
from zoneinfo import ZoneInfo

from tests.servers.base import Reply, Request, VendorServer, gzipped, json_reply

KEY = "poly-key-7f3a91"
NEW_YORK = ZoneInfo("America/New_York")
_SPAN_MS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000}
_AGGREGATES = re.compile(r"/v2/aggs/ticker/([^/]+(?:/[^/]+)?)/range/(\d+)/(\w+)/([^/]+)/([^/]+)\Z")


@dataclass
class Company:
    """One ticker: its bars by base span, and its reference data."""

    seconds: list[dict[str, Any]] = field(default_factory=list)
    minutes: list[dict[str, Any]] = field(default_factory=list)
    days: list[dict[str, Any]] = field(default_factory=list)
    splits: list[dict[str, Any]] = field(default_factory=list)
    dividends: list[dict[str, Any]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


class PolygonServer(VendorServer):
    """See the module. `history_starts_ms` and `history_ends_ms` bound the plan's history.

    What is partly before its start is left out, what reaches past its end is refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.companies: dict[str, Company] = defaultdict(Company)
        self.keys = {KEY}
        self.history_starts_ms: int | None = None
        self.history_ends_ms: int | None = None
        self.status = "OK"
        self.words_of_end = "Your plan doesn't include this data timeframe. Please upgrade."
        self.page_limit = 50_000
        self.per_minute: int | None = None
        self.window_seconds = 60.0
        self._served: list[float] = []

    def answer(self, request: Request) -> Reply:
        refused = self._refuse(request)
        if refused is not None:
            return refused
        matched = _AGGREGATES.match(request.path)
        if matched:
            return self._aggregates(request, matched.groups())
        if request.path in ("/v3/reference/splits", "/v3/reference/dividends"):
            return self._references(request)
        if request.path.startswith("/v3/reference/tickers/"):
            return self._details(request.path.removeprefix("/v3/reference/tickers/"))
        return _error(404, "NOT_FOUND", "no such route")

    def finish(self, request: Request, reply: Reply) -> Reply:
        return gzipped(reply) if "gzip" in request.headers.get("Accept-Encoding", "") else reply

    def _refuse(self, request: Request) -> Reply | None:
        sent = request.headers.get("Authorization", "")
        key = sent.removeprefix("Bearer ") or request.query.get("apiKey", "")
        if not key:
            return _error(401, "ERROR", "API Key was not provided")
        if key not in self.keys:
            return _error(401, "ERROR", "Unknown API Key")
        if self.per_minute is not None:
            now = time.monotonic()
            self._served = [at for at in self._served if at > now - self.window_seconds]
            if len(self._served) >= self.per_minute:
                return _error(429, "ERROR", "You've exceeded the maximum requests per minute, please wait or upgrade")
            self._served.append(now)
        return None

    def _aggregates(self, request: Request, path: tuple[str, ...]) -> Reply:
        ticker, multiplier, span, start, end = path
        query = dict(request.query)
        if "cursor" in query:
            cursor = base64.urlsafe_b64decode(query["cursor"] + "===").decode()
            query = {**dict(part.split("=", 1) for part in cursor.split("&")), **query}
        start_ms = snap_down(start, span)
        end_ms = snap_up(end, span)
        if self.history_starts_ms is not None and start_ms < self.history_starts_ms:
            if end_ms < self.history_starts_ms:
                return _error(
                    403, "NOT_AUTHORIZED", "Your plan doesn't include this data timeframe. Please upgrade.", "message"
                )
            start_ms = self.history_starts_ms
        if self.history_ends_ms is not None and end_ms >= self.history_ends_ms:
            return _error(403, "NOT_AUTHORIZED", self.words_of_end, "message")
        is_adjusted = query.get("adjusted", "true") == "true"
        limit = min(int(query.get("limit", 5_000)), self.page_limit)
        rows, next_ms = self._page(ticker, span, start_ms, end_ms, limit)
        if is_adjusted:
            rows = [self._adjusted(ticker, row) for row in rows]
        if query.get("sort", "asc") == "desc":
            rows = rows[::-1]
        body = {
            "ticker": ticker,
            "queryCount": len(rows),
            "resultsCount": len(rows),
            "adjusted": is_adjusted,
            "status": self.status,
            "request_id": f"req-{len(self.requests)}",
            "count": len(rows),
        }
        if rows:
            body["results"] = rows
        if next_ms is not None:
            cursor = base64.urlsafe_b64encode(f"limit={limit}&sort={query.get('sort', 'asc')}".encode()).decode()
            url = f"/v2/aggs/ticker/{ticker.replace('/', '%2F')}/range/{multiplier}/{span}/{next_ms}/{end}"
            body["next_url"] = f"https://api.polygon.io{url}?cursor={cursor.rstrip('=')}"
        return json_reply(body)

    def _page(
        self, ticker: str, span: str, start_ms: int, end_ms: int, limit: int
    ) -> tuple[list[dict[str, Any]], int | None]:
        company = self.companies.get(ticker, Company())
        base = {"second": company.seconds, "day": company.days}.get(span, company.minutes)
        wanted = [row for row in base if start_ms <= row["t"] <= end_ms]
        taken, more = wanted[:limit], wanted[limit:]
        if span in ("second", "minute", "day"):
            return taken, more[0]["t"] if more else None
        hours = gather(taken, _SPAN_MS[span])
        if not more:
            return hours, None
        # The last bar of a cut page may lack minutes: it opens the next page instead.
        next_ms = more[0]["t"] // _SPAN_MS[span] * _SPAN_MS[span]
        return [row for row in hours if row["t"] < next_ms], next_ms

    def _adjusted(self, ticker: str, row: dict[str, Any]) -> dict[str, Any]:
        factor = 1.0
        for split in self.companies[ticker].splits:
            if row["t"] < day_ms(split["execution_date"]):
                factor *= split["split_from"] / split["split_to"]
        scaled: dict[str, Any] = {name: row[name] * factor for name in ("o", "h", "l", "c", "vw") if name in row}
        return {**row, **scaled, "v": row["v"] / factor}

    def _references(self, request: Request) -> Reply:
        query = dict(request.query)
        if "cursor" in query:
            query = json.loads(base64.urlsafe_b64decode(query["cursor"] + "==="))
        company = self.companies.get(query.get("ticker", ""), Company())
        rows = company.splits if request.path.endswith("splits") else company.dividends
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 10)), self.page_limit)
        body = {"results": rows[offset : offset + limit], "status": "OK", "request_id": f"req-{len(self.requests)}"}
        if offset + limit < len(rows):
            state = json.dumps({**query, "offset": offset + limit, "limit": limit}).encode()
            cursor = base64.urlsafe_b64encode(state).decode().rstrip("=")
            body["next_url"] = f"https://api.polygon.io{request.path}?cursor={cursor}"
        return json_reply(body)

    def _details(self, ticker: str) -> Reply:
        if ticker not in self.companies:
            return _error(404, "NOT_FOUND", "Ticker not found.", "message")
        known = {"ticker": ticker, "market": "stocks", "active": True, **self.companies[ticker].details}
        return json_reply({"status": "OK", "request_id": "req-details", "results": known})


def _error(code: int, status: str, text: str, field_name: str = "error") -> Reply:
    return json_reply({"status": status, "request_id": "req-refused", field_name: text}, code)


def snap_down(bound: str, span: str) -> int:
    """Return the start of the span that contains a bound, ms."""
    if "-" in bound:
        return day_ms(bound)
    at = int(bound)
    return day_ms(_day_of(at)) if span == "day" else at // _SPAN_MS[span] * _SPAN_MS[span]


def snap_up(bound: str, span: str) -> int:
    """Return the last millisecond of the span that contains a bound."""
    if "-" in bound:
        return day_ms(date.fromisoformat(bound) + timedelta(days=1)) - 1
    if span == "day":
        return day_ms(_day_of(int(bound)) + timedelta(days=1)) - 1
    return int(bound) // _SPAN_MS[span] * _SPAN_MS[span] + _SPAN_MS[span] - 1


def day_ms(day: str | date) -> int:
    """Return midnight in New York, ms."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return int(datetime.combine(day, clock(), NEW_YORK).timestamp() * 1_000)


def _day_of(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(NEW_YORK).date()


def gather(rows: list[dict[str, Any]], width_ms: int) -> list[dict[str, Any]]:
    """Merge bars into wider ones."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        at = row["t"] // width_ms * width_ms
        bar = found.get(at)
        if bar is None:
            found[at] = {**row, "t": at}
            continue
        bar["h"], bar["l"], bar["c"] = max(bar["h"], row["h"]), min(bar["l"], row["l"]), row["c"]
        bar["vw"] = (bar["vw"] * bar["v"] + row["vw"] * row["v"]) / (bar["v"] + row["v"])
        bar["v"], bar["n"] = bar["v"] + row["v"], bar["n"] + row["n"]
    return list(found.values())


def bar(at_ms: int, price: float = 100.0, volume: float = 10.0) -> dict[str, Any]:
    """Return one bar whose values follow from its price."""
    return {
        "v": volume,
        "vw": price,
        "o": price,
        "c": price + 0.5,
        "h": price + 1.0,
        "l": price - 1.0,
        "t": at_ms,
        "n": 3,
    }


def minutes(day: str, count: int, *, start: str = "09:30", first_price: float = 100.0) -> list[dict[str, Any]]:
    """Return `count` minute bars from a wall time in New York on."""
    opened = datetime.combine(date.fromisoformat(day), clock.fromisoformat(start), NEW_YORK)
    at = int(opened.timestamp() * 1_000)
    return [bar(at + 60_000 * i, first_price + i % 50) for i in range(count)]
