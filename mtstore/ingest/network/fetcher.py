"""Fetch chunks in parallel: bounded per source, by priority, and stopped where a vendor is down."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch, arrow_schema, is_daily
from mtstore.errors import MtstoreError, SourceUnavailableError
from mtstore.ingest.network.fetch_plan import group_by_ranges
from mtstore.ranges import Ranges, TimeRange, chunks, subtract, union
from mtstore.sources.http.downloads import Downloads
from mtstore.sources.http.rate_limit import POLL_SECONDS, check
from mtstore.sources.http.request import RequestContext, RequestStats
from mtstore.sources.vendor import CostBudget

if TYPE_CHECKING:
    from mtstore.ingest.network.fetch_targets import FetchTarget
    from mtstore.sources.vendor import VendorSource

# After so many unreachable chunks in a row, all retries included, a vendor counts as down for this run.
_DOWN_AFTER = 3
# Finished chunks of a source that may wait to be stored.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit that is fetched and committed at once."""

    source: VendorSource
    schema: str
    tickers: tuple[str, ...]
    range: TimeRange

    def request(self, cancel: threading.Event | None, stats: RequestStats | None = None) -> RequestContext:
        """Return the request for the chunk's bars, which counts in `stats`."""
        return RequestContext(self.tickers, self.schema, self.range, cancel, stats or RequestStats(), in_parts=True)

    def refused(self, reason: str) -> list[BarBatch]:
        """Return the chunk's range as failed, ticker by ticker."""
        request = dict(self.source.request_parameters(self.schema))
        no_bars = arrow_schema().empty_table()
        return [
            BarBatch(self.source.binding, self.schema, one, (self.range,), no_bars, "failed", reason, request=request)
            for one in self.tickers
        ]


@dataclass(slots=True)
class Fetched:
    """A part of a chunk, with a batch; or its end, perhaps an error, with the ranges of all its batches by ticker."""

    chunk: Chunk
    batches: list[BarBatch] = field(default_factory=list)
    is_part: bool = False
    answered: dict[str, Ranges] = field(default_factory=dict)
    error: MtstoreError | None = None
    stats: RequestStats = field(default_factory=RequestStats)
    downloads: Downloads | None = None
    seconds: float = 0.0

    def note(self, batch: BarBatch) -> None:
        """Note the ranges of a batch that arrived."""
        if not batch.is_unavailable:
            given = union(self.answered.get(batch.ticker, ()), batch.ranges, batch.partial_ranges)
            self.answered[batch.ticker] = given

    def unanswered(self, ticker: str) -> Ranges:
        """Return the part of the chunk of which nothing arrived."""
        return subtract((self.chunk.range,), self.answered.get(ticker, ()))


def chunks_of(targets: Sequence[FetchTarget]) -> list[Chunk]:
    """Return the chunks of targets; tickers that need the same ranges share them where the vendor takes several."""
    found: list[tuple[int, int, Chunk]] = []
    groups: dict[tuple[str, str], list[tuple[int, FetchTarget]]] = defaultdict(list)
    for position, target in enumerate(targets):
        groups[target.source.settings.source, target.schema].append((position, target))
    for (_, schema), members in groups.items():
        source = members[0][1].source
        position_of = {target.ticker: position for position, target in members}
        size = source.max_tickers_per_request
        for ranges, tickers in group_by_ranges({target.ticker: target.plan.needs for _, target in members}):
            for shared in (tickers[start : start + size] for start in range(0, len(tickers), size)):
                span_us = source.chunk_span_us(schema, shared)
                for number, item in enumerate(chunks(ranges, span_us=span_us, by_year=not is_daily(schema))):
                    found.append((position_of[shared[0]], number, Chunk(source, schema, shared, item)))
    # Ticker by ticker in the order of priority, each from its first range on.
    return [chunk for _, _, chunk in sorted(found, key=lambda entry: entry[:2])]


class Fetcher:
    """Fetch chunks, and yield the parts of each as they arrive, then its end.

    Parameters
    ----------
    downloads
        Returns a chunk's folders for large responses.
    budgets
        The dollars that may be spent, by source.
    cancel
        Setting it ends everything within two seconds.
    on_wait
        Called several times a second while no answer arrives.
    """

    def __init__(
        self,
        budgets: Mapping[str, CostBudget],
        cancel: threading.Event,
        *,
        downloads: Callable[[], Downloads],
        on_wait: Callable[[], object],
    ) -> None:
        self._on_wait = on_wait
        self._parts: SimpleQueue[Fetched] = SimpleQueue()
        self._downloads = downloads
        self._budgets = budgets
        self._cancel = cancel
        self._lock = threading.Lock()
        self._failed_in_a_row: dict[str, int] = defaultdict(int)
        self._down: dict[str, MtstoreError] = {}

    def run(self, todo: Sequence[Chunk]) -> Iterator[Fetched]:
        """Fetch all chunks, each source on its own threads.

        Raises
        ------
        concurrent.futures.CancelledError
            `cancel` was set; chunks yielded before are valid.
        """
        queues: dict[str, deque[Chunk]] = defaultdict(deque)
        for chunk in todo:
            queues[chunk.source.settings.source].append(chunk)
        pools = {
            name: ThreadPoolExecutor(queue[0].source.settings.max_concurrency, thread_name_prefix=f"mtstore-{name}")
            for name, queue in queues.items()
        }
        running: dict[Future[Fetched], str] = {}
        try:
            while queues or running:
                self._submit(queues, pools, running)
                done, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                check(self._cancel)
                if not done and self._parts.empty():
                    self._on_wait()
                while not self._parts.empty():
                    yield self._parts.get()
                for future in done:
                    del running[future]
                    yield future.result()
        except BaseException:
            self._cancel.set()
            raise
        finally:
            for pool in pools.values():
                pool.shutdown(wait=False, cancel_futures=True)

    def _submit(
        self,
        queues: dict[str, deque[Chunk]],
        pools: Mapping[str, ThreadPoolExecutor],
        running: dict[Future[Fetched], str],
    ) -> None:
        for name in list(queues):
            queue = queues[name]
            # Only a few more than run at once: finished chunks wait in memory until they are stored.
            slots = queue[0].source.settings.max_concurrency + _AHEAD - sum(one == name for one in running.values())
            while queue and slots > 0:
                running[pools[name].submit(self._fetch, queue.popleft())] = name
                slots -= 1
            if not queue:
                del queues[name]

    def _fetch(self, chunk: Chunk) -> Fetched:
        name = chunk.source.settings.source
        downloads = self._downloads()
        fetched = Fetched(chunk, error=self._down.get(name), downloads=downloads)
        if fetched.error is not None:
            return fetched
        began = time.monotonic()
        try:
            request = chunk.request(self._cancel, fetched.stats)
            for batch in chunk.source.fetch(request, downloads=downloads, budget=self._budgets.get(name)):
                fetched.note(batch)
                self._parts.put(Fetched(chunk, [batch], is_part=True))
        except MtstoreError as error:
            fetched.error = error
        fetched.seconds = time.monotonic() - began
        with self._lock:
            is_unreachable = isinstance(fetched.error, SourceUnavailableError)
            self._failed_in_a_row[name] = self._failed_in_a_row[name] + 1 if is_unreachable else 0
            if fetched.error is not None and self._failed_in_a_row[name] >= _DOWN_AFTER:
                self._down.setdefault(name, fetched.error)
        return fetched
