"""What a loader fetches before it loads: what the store lacks of a range, and only that, from its vendors."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.errors import SourceError
from mtstore.progress_bar import fetch_bar
from mtstore.ranges import union

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.ingest.network.cost_check import Confirm
    from mtstore.ingest.network.report import FetchResult, TickerOutcome
    from mtstore.ingest.network.vendors import Vendors
    from mtstore.ranges import Ranges
    from mtstore.store import Store


class FetchWarning(UserWarning):
    """A ticker of a load could not be fetched: it is skipped, or served older than the cache allows."""


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """What came of fetching for one load.

    Attributes
    ----------
    tickers
        The vendors' part of the report, by ticker; tickers that only ever come from files are not in it.
    """

    tickers: Mapping[str, TickerOutcome] = field(default_factory=dict)

    @property
    def has_rows(self) -> bool:
        """Whether any vendor answered with bars."""
        return any(outcome.rows for outcome in self.tickers.values())

    def of(self, ticker: str) -> TickerOutcome | None:
        """One ticker's part; None if it was not to be fetched."""
        return self.tickers.get(ticker)

    def excused(self, ticker: str, *, is_stored: bool) -> Ranges:
        """What a load need not complain of once more: ranges that failed and were told of, and what nobody has yet.

        Of a ticker of which nothing is stored also what was answered: with nothing.
        """
        outcome = self.of(ticker)
        if outcome is None:
            return ()
        told = union(outcome.failed, outcome.beyond)
        return told if is_stored else union(told, outcome.fetched, outcome.cached, outcome.unchanged)

    def is_skipped(self, ticker: str) -> bool:
        """Whether the ticker has no source that could be asked at all."""
        outcome = self.of(ticker)
        return outcome is not None and outcome.error is not None and not outcome.failed


class Fetching:
    """Fetches for one loader; its vendors, and with them their rate limits, live as long as it does.

    Parameters
    ----------
    confirm_cost
        As in `ingest_network`; None asks the person at the terminal, and without a terminal nobody.
    shows_progress
        Whether a bar is shown on a terminal.
    """

    def __init__(
        self, config: Config, *, confirm_cost: Confirm | None, shows_progress: bool, vendors: Vendors | None = None
    ) -> None:
        self._config = config
        self._vendors = vendors or _vendors_of(config)
        self._confirm = _ask_at_terminal if confirm_cost is None else confirm_cost
        self._shows_progress = shows_progress

    @property
    def is_active(self) -> bool:
        """Whether there is anybody to fetch from."""
        return self._vendors is not None and bool(self._vendors.names)

    def fetch(
        self, store: Store, tickers: Sequence[str], start: Any, end: Any, *, cancel: threading.Event | None = None
    ) -> FetchOutcome:
        """Fetch what the store lacks; a range without a start is what is stored, and nothing is asked for.

        Raises
        ------
        CostLimitError
            It would cost more than allowed.
        SourceError, ConfigError
            With `on_error: raise`; with `cache.serve_stale: false` where a stale range could not be fetched anew.
        """
        if not self.is_active or start is None or not tickers:
            return FetchOutcome()
        from mtstore.ingest.network.ingest_network import ingest_network
        from mtstore.progress_bar import no_progress

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
        self._refuse_stale(report)
        return FetchOutcome(report.tickers)

    async def fetch_async(self, store: Store, tickers: Sequence[str], start: Any, end: Any) -> FetchOutcome:
        """`fetch` in a thread; cancelling the task ends it within two seconds, and what was committed stays."""
        from mtstore.ingest.network.ingest_network import run_cancellable

        cancel = threading.Event()
        return await run_cancellable(lambda: self.fetch(store, tickers, start, end, cancel=cancel), cancel)

    def _refuse_stale(self, report: FetchResult) -> None:
        if self._config.multi_ticker.cache.serve_stale:
            return
        stale = [outcome for outcome in report.failed if outcome.stale]
        if stale:
            names = ", ".join(outcome.ticker for outcome in stale[:5]) + (" …" if len(stale) > 5 else "")
            raise SourceError(
                f"what is stored of {names} is older than the cache allows, cache.serve_stale is false, and it could "
                f"not be fetched anew: {stale[0].error}"
            ) from stale[0].exception


def _vendors_of(config: Config) -> Vendors | None:
    """The vendors that a configuration names; what they need is not imported for one that names none."""
    if not config.sources:
        return None
    from mtstore.ingest.network.vendors import Vendors

    return Vendors(config)


def fetch_warnings(fetched: FetchOutcome, most: int = 5) -> list[tuple[str, type[Warning]]]:
    """What there is to say about tickers that did not come whole."""
    failed = [one for one in fetched.tickers.values() if not one.is_complete]
    said: list[tuple[str, type[Warning]]] = []
    for part, text in (
        ([one for one in failed if not one.stale], "could not be fetched, and misses what is not stored"),
        ([one for one in failed if one.stale], "could not be fetched anew, and is served older than the cache allows"),
    ):
        told = "; ".join(f"{one.ticker} {text}: {one.error}" for one in part[:most])
        if told:
            more = f"; and {len(part) - most} more tickers" if len(part) > most else ""
            said.append((told + more, FetchWarning))
    refused = [one for one in fetched.tickers.values() if one.quarantined_rows]
    if refused:
        told = ", ".join(f"{one.quarantined_rows:,} of {one.ticker}" for one in refused[:most])
        more = f" and of {len(refused) - most} more tickers" if len(refused) > most else ""
        said.append((f"rows were refused: {told}{more}; the view quarantine says why", FetchWarning))
    return said


def empty_warning(fetched: FetchOutcome, stored: Collection[str], most: int = 5) -> list[tuple[str, type[Warning]]]:
    """What there is to say about tickers that were asked for, and of which nobody has ever had a bar."""
    answered = [one for one in fetched.tickers.values() if one.is_complete and not one.beyond]
    names = [one.ticker for one in answered if one.ticker not in stored]
    if not names:
        return []
    more = f" and {len(names) - most} more tickers" if len(names) > most else ""
    return [(f"no source has a bar of {', '.join(names[:most])}{more}: its columns are empty", FetchWarning)]


def temporary_store(owner: object) -> tuple[Path, Callable[[], object]]:
    """A place for a store, and what deletes it; it goes with `owner`, at the latest when the process ends."""
    folder = tempfile.mkdtemp(prefix="mtstore-")
    return Path(folder) / "store", weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)


def _ask_at_terminal(cost_usd: float) -> bool:
    """Whether the person at the terminal agrees; without one, nobody does."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    sys.stderr.write(f"This will cost about {cost_usd:.2f} USD. Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
