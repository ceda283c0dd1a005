"""What a fetch did, or would do: ticker by ticker, and nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mtstore.errors import MtstoreError
from mtstore.progress_bar import FetchProgress
from mtstore.ranges import Ranges, TimeRange, union


@dataclass(slots=True)
class TickerOutcome:
    """One ticker of a run.

    Attributes
    ----------
    rows
        Bars that came (a bar that is stored already counts, too).
    fetched, cached, unchanged, failed
        Ranges: answered by the vendor now; fresh in the store; stale, but unchanged as the vendor says; not answered.
    stale
        The part of `failed` for which the store has an older answer, which is served.
    beyond
        What was asked for and nobody can answer yet: unfinished bars, the future.
    requests, retries
        Requests that were made; those that several tickers shared count for each of them.
    notes
        What the vendor's answers call for attention: clipped ranges, symbols that do not resolve, quarantined rows.
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
        """Whether the store now has all that could be had."""
        return self.error is None and not self.failed

    def fail(self, error: MtstoreError, ranges: Ranges, stale: Ranges) -> None:
        """Note that ranges were not answered."""
        self.error = self.error or str(error)
        self.exception = self.exception or error
        self.failed = union(self.failed, ranges)
        self.stale = union(self.stale, stale)


@dataclass(slots=True)
class FetchResult:
    """One run over the network.

    Attributes
    ----------
    requests, retries
        What was sent to all vendors, each request once.
    cost_usd
        What was spent.
    snapshot
        The store's generation after the run.
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
        """Whether every ticker is."""
        return not self.failed


@dataclass(frozen=True, slots=True)
class PlannedFetch:
    """One request, or one run of pages, that would be made."""

    source: str
    schema: str
    tickers: tuple[str, ...]
    range: TimeRange
    requests: int
    records: int | None
    bytes: int | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class PlannedReferences:
    """Tickers of a source whose splits, dividends and details would be fetched; `requests` if each is one page."""

    source: str
    tickers: tuple[str, ...]
    requests: int


@dataclass(frozen=True, slots=True)
class FetchPreview:
    """What a run would do, without doing it.

    Requests for bars are at most as many; records, bytes and dollars are the vendor's own figures where it gives them.
    """

    fetches: tuple[PlannedFetch, ...]
    cached: tuple[str, ...]
    errors: dict[str, str]
    references: tuple[PlannedReferences, ...] = ()

    @property
    def requests(self) -> int:
        """Those for bars, and those for splits, dividends and details."""
        return sum(fetch.requests for fetch in self.fetches) + sum(one.requests for one in self.references)

    @property
    def bytes(self) -> int | None:
        """None where a vendor does not tell the size of some answer beforehand."""
        sizes = [fetch.bytes for fetch in self.fetches]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def cost_usd(self) -> float:
        return sum(fetch.cost_usd or 0.0 for fetch in self.fetches)


FetchCallback = Callable[[FetchProgress], None]
