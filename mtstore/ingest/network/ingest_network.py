"""Ingest over the network: what is missing is worked out, fetched side by side, and committed chunk by chunk.

A killed run goes on where it was: what it had committed is covered, and is not asked for again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mtstore.arguments import ticker_names
from mtstore.bounds import parse_bounds
from mtstore.ingest.network import fetch_references as references
from mtstore.ingest.network.cost_check import Confirm
from mtstore.ingest.network.fetch_run import FetchRun, RunOptions
from mtstore.ingest.network.fetch_targets import FetchTarget, FetchTargets
from mtstore.ingest.network.fetcher import Chunk, chunks_of
from mtstore.ingest.network.report import FetchCallback, FetchPreview, FetchResult, PlannedFetch, PlannedReferences
from mtstore.ingest.network.vendors import Vendors
from mtstore.progress_bar import no_progress
from mtstore.sources.http.rate_limit import StopSignal
from mtstore.sources.vendor import Estimate
from mtstore.storage.commit.coverage_ledger import Freshness

if TYPE_CHECKING:
    from mtstore.bounds import BoundLike
    from mtstore.config import Config
    from mtstore.storage.repository import Repository

_Answer = TypeVar("_Answer")


def plan_network(
    store: Repository,
    config: Config,
    start: BoundLike,
    end: BoundLike = None,
    *,
    tickers: Sequence[str] | None = None,
    schema: str | None = None,
    refresh_all: bool = False,
    with_references: bool = True,
    vendors: Vendors | None = None,
    cancel: threading.Event | None = None,
) -> FetchPreview:
    """What `ingest_network` with the same arguments would fetch, without fetching it.

    Databento is asked for counts and costs, which is free; Polygon is not asked at all.
    """
    vendors = vendors or Vendors(config)
    wants = FetchTargets(store, config, vendors, schema=schema, refresh_all=refresh_all)
    bounds = parse_bounds(start, end, tz=config.multi_ticker.alignment.timezone)
    wanted, errors = wants.of(_in_order(config, tickers), bounds)
    fetches = []
    for chunk in chunks_of(wanted):
        estimate = chunk.source.estimate(chunk.tickers, chunk.schema, chunk.range, cancel=cancel)
        fetches.append(_planned(chunk, estimate))
    return FetchPreview(
        fetches=tuple(fetches),
        cached=tuple(one.ticker for one in wanted if not one.plan.needs),
        errors={ticker: str(error) for ticker, error in errors.items()},
        references=_planned_references(store, config, wanted) if with_references else (),
    )


def ingest_network(
    store: Repository,
    config: Config,
    start: BoundLike,
    end: BoundLike = None,
    *,
    tickers: Sequence[str] | None = None,
    schema: str | None = None,
    refresh_all: bool = False,
    confirm_cost: Confirm = False,
    on_error: str | None = None,
    with_references: bool = True,
    progress: FetchCallback = no_progress,
    cancel: threading.Event | None = None,
    vendors: Vendors | None = None,
) -> FetchResult:
    """Fetch what the store lacks of a range, and only that.

    Parameters
    ----------
    config
        Names the sources, and for each ticker which of them.
    start, end
        Dates select whole sessions, the end date included; instants are half-open; `end` None is now.
    tickers
        By default the universe, by priority.
    schema
        The bars to fetch; by default those that the source or the configured interval calls for.
    refresh_all
        Ask for everything again, however fresh.
    confirm_cost
        Whether the run may cost more than the sources' `max_cost_usd`.
    on_error
        'skip': a ticker that cannot be fetched leaves the others' result complete, and is in the report; 'raise': the
        first error ends the run. By default the configuration's.
    with_references
        Whether splits, dividends and details are fetched, too, where they are unknown or older than the cache allows.
    cancel
        Setting it ends the run within two seconds; what was committed stays.

    Raises
    ------
    CostLimitError
        The run would cost more than allowed; nothing was fetched.
    SourceError, ConfigError
        With `on_error` 'raise'.
    concurrent.futures.CancelledError
        `cancel` was set.
    """
    bounds = parse_bounds(start, end, tz=config.multi_ticker.alignment.timezone)
    names = _in_order(config, tickers)
    wants = FetchTargets(store, config, vendors or Vendors(config), schema=schema, refresh_all=refresh_all)
    wanted, errors = wants.of(names, bounds)
    options = _options(config, on_error, confirm_cost, with_references, progress, cancel, refresh_all=refresh_all)
    arguments = {"start": str(bounds.start), "end": str(bounds.end), "tickers": names}
    return FetchRun(store, options).run(wanted, errors, arguments)


def update_network(
    store: Repository,
    config: Config,
    *,
    tickers: Sequence[str] | None = None,
    schema: str | None = None,
    confirm_cost: Confirm = False,
    on_error: str | None = None,
    with_references: bool = True,
    progress: FetchCallback = no_progress,
    cancel: threading.Event | None = None,
    vendors: Vendors | None = None,
) -> FetchResult:
    """Fetch, for each ticker, what came since its last coverage, up to the last closed bar.

    A ticker that was never fetched is an error in the report: nobody said where it should begin. For the parameters
    and errors see `ingest_network`.
    """
    names = _in_order(config, tickers)
    wanted, errors = FetchTargets(store, config, vendors or Vendors(config), schema=schema).updates(names)
    options = _options(config, on_error, confirm_cost, with_references, progress, cancel)
    return FetchRun(store, options).run(wanted, errors, {"update": True, "tickers": names})


async def ingest_network_async(*arguments: Any, **options: Any) -> FetchResult:
    """`ingest_network` in a thread; cancelling the task stops it within two seconds, and what was committed stays."""
    cancel = options.pop("cancel", None) or threading.Event()
    return await run_cancellable(lambda: ingest_network(*arguments, cancel=cancel, **options), cancel)


async def run_cancellable(function: Callable[[], _Answer], cancel: threading.Event) -> _Answer:
    """What `function` gives, in a thread; cancelling the task sets `cancel`, and waits for the function to end."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        cancel.set()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


def _options(  # noqa: PLR0917 - passes on what it is given
    config: Config,
    on_error: str | None,
    confirm_cost: Confirm,
    with_references: bool,
    progress: FetchCallback,
    cancel: threading.Event | None,
    *,
    refresh_all: bool = False,
) -> RunOptions:
    cache = config.multi_ticker.cache
    return RunOptions(
        freshness=Freshness(cache.ttl_days, cache.settle_days),
        is_compressed=cache.compression,
        on_error=on_error or config.multi_ticker.on_error,
        confirm_cost=confirm_cost,
        with_references=with_references,
        refresh_all=refresh_all,
        progress=progress,
        # The run sets its own signal when it ends early; the caller's is the caller's.
        cancel=StopSignal(cancel),
    )


def _planned(chunk: Chunk, estimate: Estimate) -> PlannedFetch:
    return PlannedFetch(
        source=chunk.source.settings.source,
        schema=chunk.schema,
        tickers=chunk.tickers,
        range=chunk.range,
        requests=estimate.requests,
        records=estimate.records,
        bytes=estimate.bytes,
        cost_usd=estimate.cost_usd,
    )


def _planned_references(
    store: Repository, config: Config, wanted: Sequence[FetchTarget]
) -> tuple[PlannedReferences, ...]:
    found: dict[str, list[str]] = {}
    for one in references.due(store, wanted, ttl_days=config.multi_ticker.cache.ttl_days):
        found.setdefault(one.source.settings.source, []).append(one.ticker)
    return tuple(
        PlannedReferences(source, tuple(tickers), references.REQUESTS_A_TICKER * len(tickers))
        for source, tickers in found.items()
    )


def _in_order(config: Config, tickers: str | Iterable[str] | None) -> list[str]:
    """The tickers by priority, each once."""
    names = ticker_names(tickers)
    if names is None:
        return list(config.fetch_order())
    place = {ticker: number for number, ticker in enumerate(config.fetch_order())}
    return sorted(dict.fromkeys(names), key=lambda ticker: place.get(ticker, len(place)))
