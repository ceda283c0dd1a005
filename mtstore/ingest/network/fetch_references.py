"""Splits, dividends and details: fetched with the bars of their tickers, and again when the cache calls them old."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mtstore import sqlfiles
from mtstore.errors import SourceError
from mtstore.ranges import US_PER_DAY
from mtstore.sources.http.request_stats import RequestStats
from mtstore.storage.commit.coverage_ledger import request_key

if TYPE_CHECKING:
    from mtstore.ingest.network.fetch_targets import FetchTarget
    from mtstore.sources.polygon.source import PolygonSource
    from mtstore.storage.commit.writer import Writer
    from mtstore.storage.repository import Repository

logger = logging.getLogger("mtstore.ingest")


@dataclass(slots=True)
class References:
    """One ticker's splits, dividends and details, or why they did not come."""

    ticker: str
    source: str
    splits: list[dict[str, Any]] = field(default_factory=list)
    dividends: list[dict[str, Any]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    error: SourceError | None = None
    stats: RequestStats = field(default_factory=RequestStats)

    def store(self, writer: Writer, at: datetime) -> None:
        """Put splits and dividends into their tables, and remember that they were asked for."""
        for table, rows in (("splits", self.splits), ("dividends", self.dividends)):
            for row in rows:
                writer.record(table, {**row, "seen_at": at})
        content = repr((self.splits, self.dividends)).encode()
        writer.record(
            "inputs",
            {
                "input_key": reference_key(self.source, self.ticker),
                "sha256": hashlib.sha256(content).hexdigest(),
                "name": f"splits, dividends and details of {self.ticker}",
                "byte_size": len(content),
                "source": self.source,
                "schema": "reference",
                "run_id": writer.run_id,
                "ingested_at": at,
            },
        )


REQUESTS_A_TICKER: Final = 3
"""One each for splits, dividends and details; more only where splits or dividends fill a page."""


def reference_key(source: str, ticker: str) -> str:
    """The key under which the store remembers that a ticker's references were fetched."""
    return request_key({"reference": ticker, "source": source})


def due(store: Repository, wanted: Sequence[FetchTarget], *, ttl_days: float | None) -> list[FetchTarget]:
    """The tickers whose references are unknown, or older than `ttl_days` (None: known is enough)."""
    from mtstore.sources.polygon.source import PolygonSource

    by_source: dict[str, list[FetchTarget]] = defaultdict(list)
    for one in wanted:
        if isinstance(one.source, PolygonSource) and ":" not in one.ticker:
            by_source[one.source.settings.source].append(one)
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    found = []
    with store.connection() as connection:
        for name, members in by_source.items():
            statement = sqlfiles.load("ingest.reference_times")
            known = dict(connection.execute(statement, {"source": name}).fetchall())
            for one in members:
                fetched_us = known.get(reference_key(name, one.ticker))
                if fetched_us is None or (ttl_days is not None and now_us >= fetched_us + ttl_days * US_PER_DAY):
                    found.append(one)
    return found


def fetch(wanted: Sequence[FetchTarget], cancel: threading.Event) -> Iterator[References]:
    """The references of each ticker, side by side, in the given order."""
    if not wanted:
        return
    workers = max(one.source.settings.max_concurrency for one in wanted)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="mtstore-references")
    try:
        yield from pool.map(lambda one: _fetch_one(one, cancel), wanted)
    except BaseException:
        cancel.set()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _fetch_one(one: FetchTarget, cancel: threading.Event) -> References:
    source: PolygonSource = one.source  # type: ignore[assignment]  # `due` chooses
    found = References(one.ticker, source.settings.source)
    try:
        found.splits = source.splits(one.ticker, cancel=cancel, stats=found.stats)
        found.dividends = source.dividends(one.ticker, cancel=cancel, stats=found.stats)
        details = source.details(one.ticker, cancel=cancel, stats=found.stats) or {}
        found.details = {name: value for name, value in details.items() if isinstance(value, str | int | float)}
    except SourceError as error:
        found.error = error
        logger.warning("%s", error, extra={"ticker": one.ticker, "source": found.source})
    return found
