"""The result of a fetch, ticker by ticker, and the preview of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mtstore.bars import BarBatch
from mtstore.errors import MtstoreError
from mtstore.progress_bar import FetchProgress
from mtstore.ranges import Ranges, TimeRange, intersect, subtract, union
from mtstore.sources.vendor import Estimate

FetchCallback = Callable[[FetchProgress], None]


@dataclass(slots=True)
class TickerOutcome:
    """One ticker of a fetch.

    Attributes
    ----------
    rows
        Bars that arrived, also those that are stored already.
    fetched, cached, unchanged, failed
        Ranges: fetched now; fresh in the store; stale, but unchanged according to the vendor; not fetched.
    stale
        The part of `failed` for which the store has older bars, which queries return.
    beyond
        Requested, but not available: unfinished bars, the future, what the vendor does not have yet. What is past the
        end of the key's licence is among the failed, too.
    requests, retries
        Requests sent; one for several tickers counts for each of them.
    notes
        Remarks on the vendor's responses: clipped ranges, symbols that do not resolve, quarantined rows.
    """

    ticker: str
    source: str | None = None
    schema: str | None = None
    rows: int = 0
    quarantined_rows: int = 0
    fetched: Ranges = ()
    cached: Ranges = ()
    unchanged: Ranges = ()
    failed: Ranges = ()
    stale: Ranges = ()
    beyond: Ranges = ()
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    error: str | None = None
    exception: MtstoreError | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether the store now has every bar that is available."""
        return self.error is None and not self.failed

    @property
    def has_answer(self) -> bool:
        """Whether the vendor gave a part, or all that it has for the key."""
        return bool(self.fetched or self.unchanged) or (bool(self.failed) and not subtract(self.failed, self.beyond))

    def add(self, batch: BarBatch, stale: Ranges) -> None:
        """Record what a vendor answered; `stale` is the part of the request for which older bars are stored."""
        self.rows += batch.bars.num_rows
        if batch.quarantined is not None:
            self.quarantined_rows += batch.quarantined.num_rows
        if batch.result == "failed":
            self.refuse(batch.ranges, batch.reason)
            self.stale = union(self.stale, intersect(batch.ranges, stale))
        else:
            self.notes += filter(None, (batch.partial_reason, batch.reason))
            self.fetched = union(self.fetched, batch.ranges, batch.partial_ranges)

    def refuse(self, ranges: Ranges, reason: str | None) -> None:
        """Record ranges that the vendor does not give."""
        self.error = self.error or reason
        self.failed = union(self.failed, ranges)

    def fail(self, error: MtstoreError, ranges: Ranges, stale: Ranges) -> None:
        """Record that ranges were not fetched."""
        self.error = self.error or str(error)
        self.exception = self.exception or error
        self.failed = union(self.failed, ranges)
        self.stale = union(self.stale, stale)


@dataclass(slots=True)
class FetchResult:
    """The result of one fetch.

    Attributes
    ----------
    requests, retries
        Requests sent to all vendors, each counted once.
    cost_usd
        Dollars spent.
    snapshot
        The store's snapshot after the run.
    """

    run_id: str = ""
    tickers: dict[str, TickerOutcome] = field(default_factory=dict)
    requests: int = 0
    retries: int = 0
    bytes_received: int = 0
    cost_usd: float = 0.0
    rows: int = 0
    commits: int = 0
    seconds: float = 0.0
    snapshot: int | None = None

    @property
    def failed(self) -> list[TickerOutcome]:
        """The tickers that are not complete."""
        return [outcome for outcome in self.tickers.values() if not outcome.is_complete]

    @property
    def is_complete(self) -> bool:
        """Whether every ticker is complete."""
        return not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFetch(Estimate):
    """One request, or one series of pages, that would be sent."""

    source: str
    schema: str
    tickers: tuple[str, ...]
    range: TimeRange


@dataclass(frozen=True, slots=True)
class PlannedReferences:
    """Tickers of a source whose splits, dividends and details would be fetched; `requests` if each fits one page."""

    source: str
    tickers: tuple[str, ...]
    requests: int


@dataclass(frozen=True, slots=True)
class FetchPreview:
    """The requests that a fetch would send.

    The number of requests for bars is a maximum. Records, bytes and dollars are quoted by the vendor, where it does.
    """

    fetches: tuple[PlannedFetch, ...]
    cached: tuple[str, ...]
    errors: dict[str, str]
    references: tuple[PlannedReferences, ...] = ()

    @property
    def requests(self) -> int:
        """Requests for bars, and for splits, dividends and details."""
        return sum(fetch.requests for fetch in self.fetches) + sum(one.requests for one in self.references)

    @property
    def bytes(self) -> int | None:
        """None if a vendor does not quote the size of every response."""
        sizes = [fetch.bytes for fetch in self.fetches]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def cost_usd(self) -> float:
        return sum(fetch.cost_usd or 0.0 for fetch in self.fetches)
