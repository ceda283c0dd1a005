"""Chunks of ranges fetched side by side: bounded per source, first things first, and stopped where a vendor is down."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch, is_daily
from mtstore.errors import MtstoreError, SourceUnavailableError
from mtstore.ingest.network.fetch_plan import group_by_ranges
from mtstore.ranges import TimeRange, chunks
from mtstore.sources.http.rate_limit import POLL_SECONDS, check
from mtstore.sources.http.request_stats import RequestStats
from mtstore.sources.vendor import CostBudget

if TYPE_CHECKING:
    from mtstore.ingest.network.fetch_targets import FetchTarget
    from mtstore.sources.vendor import VendorSource

# A vendor that could not be reached so many times in a row, all retries included, is down for this run.
_DOWN_AFTER = 3
# How many chunks a source may have finished that nobody has stored yet.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is fetched and committed at once."""

    source: VendorSource
    schema: str
    tickers: tuple[str, ...]
    range: TimeRange


@dataclass(slots=True)
class Fetched:
    """What came of a chunk: answers, or an error."""

    chunk: Chunk
    answers: list[BarBatch] = field(default_factory=list)
    error: MtstoreError | None = None
    stats: RequestStats = field(default_factory=RequestStats)
    seconds: float = 0.0


def chunks_of(wanted: Sequence[FetchTarget]) -> list[Chunk]:
    """The chunks of a load; tickers that need the same ranges share them where the vendor takes several."""
    found: list[tuple[int, int, Chunk]] = []
    groups: dict[tuple[str, str], list[tuple[int, FetchTarget]]] = defaultdict(list)
    for position, one in enumerate(wanted):
        groups[one.source.settings.source, one.schema].append((position, one))
    for (_, schema), members in groups.items():
        source = members[0][1].source
        position_of = {one.ticker: position for position, one in members}
        for ranges, tickers in group_by_ranges({one.ticker: one.plan.needs for _, one in members}):
            for batch in _batches(tickers, source.max_tickers_per_request):
                span_us = source.chunk_span_us(schema, batch)
                for number, item in enumerate(chunks(ranges, span_us=span_us, by_year=not is_daily(schema))):
                    found.append((position_of[batch[0]], number, Chunk(source, schema, batch, item)))
    # Ticker by ticker in the order of priority, each from its beginning on.
    return [chunk for _, _, chunk in sorted(found, key=lambda entry: entry[:2])]


def _batches(tickers: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(tickers), size):
        yield tickers[start : start + size]


class Fetcher:
    """Fetches chunks, and yields each as it comes.

    Parameters
    ----------
    folder
        Where vendors stream large answers to.
    budgets
        What may be spent, by source.
    cancel
        Ends everything within two seconds.
    """

    def __init__(self, folder: Path, budgets: Mapping[str, CostBudget], cancel: threading.Event) -> None:
        self._folder = folder
        self._budgets = budgets
        self._cancel = cancel
        self._lock = threading.Lock()
        self._in_a_row: dict[str, int] = defaultdict(int)
        self._down: dict[str, MtstoreError] = {}

    def run(self, wanted: Sequence[Chunk]) -> Iterator[Fetched]:
        """Fetch all chunks, each source on threads of its own.

        Raises
        ------
        concurrent.futures.CancelledError
            `cancel` was set; what was yielded before stands.
        """
        queues: dict[str, deque[Chunk]] = defaultdict(deque)
        for chunk in wanted:
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
        """Hand out work, but not much more than is under way: finished chunks wait in memory until they are stored."""
        for name in list(queues):
            queue = queues[name]
            room = queue[0].source.settings.max_concurrency + _AHEAD - sum(one == name for one in running.values())
            while queue and room > 0:
                running[pools[name].submit(self._fetch, queue.popleft())] = name
                room -= 1
            if not queue:
                del queues[name]

    def _fetch(self, chunk: Chunk) -> Fetched:
        name = chunk.source.settings.source
        fetched = Fetched(chunk)
        began = time.monotonic()
        down = self._down.get(name)
        if down is not None:
            fetched.error = down
            return fetched
        try:
            answers = chunk.source.fetch(
                chunk.tickers,
                chunk.schema,
                chunk.range,
                folder=self._folder,
                budget=self._budgets.get(name),
                cancel=self._cancel,
                stats=fetched.stats,
            )
            fetched.answers = list(answers)
        except MtstoreError as error:
            fetched.error = error
        fetched.seconds = time.monotonic() - began
        self._note_health(name, fetched.error)
        return fetched

    def _note_health(self, name: str, error: MtstoreError | None) -> None:
        """A vendor that is down, or refuses the key, is not asked for the rest of the run."""
        with self._lock:
            self._in_a_row[name] = self._in_a_row[name] + 1 if isinstance(error, SourceUnavailableError) else 0
            if error is not None and self._in_a_row[name] >= _DOWN_AFTER:
                self._down.setdefault(name, error)
