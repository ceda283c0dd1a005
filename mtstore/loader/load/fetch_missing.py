"""Fetch what is missing in the store before a load."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from mtstore.arguments import first_few
from mtstore.errors import SourceError
from mtstore.progress_bar import fetch_bar, no_progress
from mtstore.ranges import union

if TYPE_CHECKING:
    from mtstore.bounds import BoundLike
    from mtstore.config import Config
    from mtstore.ingest.network.cost_check import Confirm
    from mtstore.ingest.network.report import FetchResult, TickerOutcome
    from mtstore.ingest.network.vendors import Vendors
    from mtstore.ranges import Ranges
    from mtstore.store import Store


FoundWarning: TypeAlias = tuple[str, type[Warning]]


class FetchWarning(UserWarning):
    """A ticker could not be fetched: it is skipped, or its stored data are older than the cache allows."""


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """The result of fetching for one load: the outcome of each ticker that has a vendor."""

    tickers: Mapping[str, TickerOutcome] = field(default_factory=dict)

    @property
    def has_rows(self) -> bool:
        """Whether any vendor returned bars."""
        return any(outcome.rows for outcome in self.tickers.values())

    def for_ticker(self, ticker: str) -> TickerOutcome | None:
        """Return one ticker's outcome; None if it was not to be fetched."""
        return self.tickers.get(ticker)

    def already_reported(self, ticker: str, *, is_stored: bool) -> Ranges:
        """Return the ranges that a load need not report as missing: failed ones, and those not available yet.

        Where no bars of the ticker are stored, also the ranges that were fetched: they are empty.
        """
        outcome = self.for_ticker(ticker)
        if outcome is None:
            return ()
        reported = union(outcome.failed, outcome.beyond)
        return reported if is_stored else union(reported, outcome.fetched, outcome.cached, outcome.unchanged)

    def is_skipped(self, ticker: str) -> bool:
        """Whether the ticker has no source that could be requested."""
        outcome = self.for_ticker(ticker)
        return outcome is not None and outcome.error is not None and not outcome.failed


class MissingDataFetcher:
    """Fetch missing data for one loader; its vendors and their rate limits live as long as the fetcher.

    `confirm_cost` and `shows_progress` (`progress`): as in `MultiTickerDataLoader`.
    """

    def __init__(
        self, config: Config, *, confirm_cost: Confirm | None, shows_progress: bool, vendors: Vendors | None = None
    ) -> None:
        self._config = config
        self._confirm = _ask_at_terminal if confirm_cost is None else confirm_cost
        self._shows_progress = shows_progress
        self._vendors = vendors
        if vendors is None and config.sources:
            from mtstore.ingest.network.vendors import Vendors

            self._vendors = Vendors(config)

    @property
    def is_active(self) -> bool:
        """Whether any vendor is configured."""
        return self._vendors is not None and bool(self._vendors.names)

    def fetch(
        self,
        store: Store,
        tickers: Sequence[str],
        start: BoundLike,
        end: BoundLike,
        *,
        cancel: threading.Event | None = None,
    ) -> FetchOutcome:
        """Fetch the parts of a range that are missing in the store; without a start, fetch nothing.

        CostLimitError: the data cost more than allowed. SourceError, ConfigError: with `on_error: raise`, or with
        `cache.serve_stale: false` where a stale range could not be fetched again.
        """
        if not self.is_active or start is None or not tickers:
            return FetchOutcome()
        from mtstore.ingest.network.ingest_network import ingest_network

        is_shown = self._shows_progress and sys.stderr is not None and sys.stderr.isatty()
        with fetch_bar() if is_shown else nullcontext(no_progress) as progress:
            report = ingest_network(
                store.repository,
                self._config,
                start,
                end,
                tickers=tickers,
                refresh_all=not self._config.multi_ticker.cache.enabled,
                confirm_cost=self._confirm,
                progress=progress,
                cancel=cancel,
                vendors=self._vendors,
            )
        self._check_stale(report)
        return FetchOutcome(report.tickers)

    async def fetch_async(self, store: Store, tickers: Sequence[str], start: BoundLike, end: BoundLike) -> FetchOutcome:
        """Run `fetch` in a thread; cancelling the task ends it within two seconds, and committed data stay."""
        from mtstore.ingest.network.ingest_network import run_cancellable

        cancel = threading.Event()
        return await run_cancellable(lambda: self.fetch(store, tickers, start, end, cancel=cancel), cancel)

    def _check_stale(self, report: FetchResult) -> None:
        if self._config.multi_ticker.cache.serve_stale:
            return
        stale = [outcome for outcome in report.failed if outcome.stale]
        if stale:
            names = first_few([outcome.ticker for outcome in stale])
            raise SourceError(
                f"stored data of {names} are older than the cache allows, cache.serve_stale is false, and fetching "
                f"them again failed: {stale[0].error}"
            ) from stale[0].exception


def issue_warnings(found: Iterable[FoundWarning], stacklevel: int) -> None:
    """Issue warnings; `stacklevel` 1 is the caller of this function."""
    for text, category in found:
        warnings.warn(text, category, stacklevel=stacklevel + 1)


def fetch_warnings(fetched: FetchOutcome) -> list[FoundWarning]:
    """Return warnings about tickers that were not fetched completely, and about rejected rows."""
    outcomes = fetched.tickers.values()
    failed = [one for one in outcomes if not one.is_complete]
    found: list[FoundWarning] = []
    for part, text in (
        ([one for one in failed if not one.stale], "could not be fetched, and only stored bars are read"),
        ([one for one in failed if one.stale], "could not be fetched again, and is older than the cache allows"),
    ):
        if part:
            found.append((first_few([f"{one.ticker} {text}: {one.error}" for one in part], joint="; "), FetchWarning))
    rejected = [f"{one.quarantined_rows:,} of {one.ticker}" for one in outcomes if one.quarantined_rows]
    if rejected:
        text = f"rows were rejected: {first_few(rejected)}; the view quarantine has the reasons"
        found.append((text, FetchWarning))
    return found


def empty_warning(fetched: FetchOutcome, stored: Collection[str]) -> list[FoundWarning]:
    """Return a warning about tickers that were fetched, and of which no source has bars."""
    answered = [one for one in fetched.tickers.values() if one.is_complete and not one.beyond]
    names = [one.ticker for one in answered if one.ticker not in stored]
    return [(f"no source has bars of {first_few(names)}: the columns are empty", FetchWarning)] if names else []


def _ask_at_terminal(cost_usd: float) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    sys.stderr.write(f"This will cost about {cost_usd:.2f} USD. Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
