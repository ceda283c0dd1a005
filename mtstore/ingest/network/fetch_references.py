"""Fetch splits, dividends and details of tickers, and again when they are older than the cache allows."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mtstore import sqlfiles
from mtstore.errors import SourceError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND
from mtstore.sources.http.request import RequestContext, RequestStats
from mtstore.storage.commit.coverage_ledger import request_key

if TYPE_CHECKING:
    from mtstore.ingest.network.fetch_targets import FetchTarget
    from mtstore.sources.polygon.source import PolygonSource
    from mtstore.storage.commit.writer import Writer
    from mtstore.storage.repository import Repository

logger = logging.getLogger("mtstore.ingest")

REQUESTS_PER_TICKER: Final = 3
"""One each for splits, dividends and details; more only where splits or dividends fill a page."""


@dataclass(slots=True)
class References:
    """One ticker's splits, dividends and details, or the error that prevented them."""

    ticker: str
    source: str
    splits: list[dict[str, Any]] = field(default_factory=list)
    dividends: list[dict[str, Any]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    error: SourceError | None = None
    stats: RequestStats = field(default_factory=RequestStats)

    def store(self, writer: Writer, at: datetime) -> None:
        """Write splits and dividends into their tables, and record that they were fetched."""
        for table, rows in (("splits", self.splits), ("dividends", self.dividends)):
            # The response is complete: what the source reported before and no longer has is gone.
            writer.forget(table, {"source": self.source, "ticker": self.ticker})
            for row in rows:
                writer.record(table, {**row, "seen_at": at})
        content = repr((self.splits, self.dividends)).encode()
        writer.record(
            "inputs",
            {
                "input_key": _reference_key(self.source, self.ticker),
                "sha256": hashlib.sha256(content).hexdigest(),
                "name": f"splits, dividends and details of {self.ticker}",
                "byte_size": len(content),
                "source": self.source,
                "schema": "reference",
                "run_id": writer.run_id,
                "ingested_at": at,
            },
        )


def _reference_key(source: str, ticker: str) -> str:
    return request_key({"reference": ticker, "source": source})


def due_references(store: Repository, targets: Sequence[FetchTarget], *, ttl_days: float | None) -> list[FetchTarget]:
    """Return the tickers whose references were never fetched, or more than `ttl_days` ago (None: they never expire)."""
    from mtstore.sources.polygon.source import PolygonSource

    by_source: dict[str, list[FetchTarget]] = defaultdict(list)
    for target in targets:
        # Only Polygon has references, and not for its prefixed tickers (I:SPX, X:BTCUSD).
        if isinstance(target.source, PolygonSource) and ":" not in target.ticker:
            by_source[target.source.settings.source].append(target)
    now_us = int(time.time() * US_PER_SECOND)
    due = []
    with store.connection() as connection:
        for name, members in by_source.items():
            fetched_us = dict(connection.execute(sqlfiles.load("ingest.reference_times"), {"source": name}).fetchall())
            for target in members:
                at_us = fetched_us.get(_reference_key(name, target.ticker))
                if at_us is None or (ttl_days is not None and now_us >= at_us + ttl_days * US_PER_DAY):
                    due.append(target)
    return due


def fetch_references(targets: Sequence[FetchTarget], cancel: threading.Event) -> Iterator[References]:
    """Fetch the references of several tickers at once; yield them in the given order."""
    if not targets:
        return
    workers = max(target.source.settings.max_concurrency for target in targets)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="mtstore-references")
    try:
        yield from pool.map(lambda target: _fetch_one(target, cancel), targets)
    except BaseException:
        cancel.set()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _fetch_one(target: FetchTarget, cancel: threading.Event) -> References:
    source: PolygonSource = target.source  # type: ignore[assignment]  # `due_references` selects them
    found = References(target.ticker, source.settings.source)
    try:
        request = RequestContext((target.ticker,), cancel=cancel, stats=found.stats)
        found.splits, found.dividends = source.references(request, "splits"), source.references(request, "dividends")
        details = source.details(request) or {}
        found.details = {name: value for name, value in details.items() if isinstance(value, str | int | float)}
    except SourceError as error:
        found.error = error
        logger.warning("%s", error, extra={"ticker": target.ticker, "source": found.source})
    return found
