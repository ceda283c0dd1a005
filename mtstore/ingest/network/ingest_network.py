"""Fetch what a store is missing, in parallel, and commit it chunk by chunk.

A killed run resumes where it was: its commits cover their ranges, which are not fetched again.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from mtstore.arguments import ticker_names
from mtstore.bounds import parse_bounds, warn_of_midnight_end
from mtstore.errors import MtstoreError
from mtstore.ingest.network.cost_check import Confirm
from mtstore.ingest.network.fetch_references import REQUESTS_PER_TICKER, due_references
from mtstore.ingest.network.fetch_run import FetchRun
from mtstore.ingest.network.fetch_targets import FetchTarget, FetchTargets
from mtstore.ingest.network.fetcher import Chunk, chunks_of
from mtstore.ingest.network.report import FetchCallback, FetchPreview, FetchResult, PlannedFetch, PlannedReferences
from mtstore.ingest.network.vendors import Vendors
from mtstore.progress_bar import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from mtstore.bounds import BoundLike
    from mtstore.config import Config
    from mtstore.storage.repository import Repository

_Result = TypeVar("_Result")


def plan_network(
    store: Repository,
    config: Config,
    start: BoundLike,
    end: BoundLike = None,
    *,
    tickers: str | Iterable[str] | None = None,
    schema: str | None = None,
    refresh_all: bool = False,
    with_references: bool = True,
    vendors: Vendors | None = None,
    cancel: threading.Event | None = None,
) -> FetchPreview:
    """Return what `ingest_network` with the same arguments would fetch, without fetching it.

    Databento quotes counts and costs, free of charge; nothing is sent to Polygon.
    """
    bounds = parse_bounds(start, end, tz=config.multi_ticker.alignment.timezone)
    warn_of_midnight_end(end, bounds)
    finder = FetchTargets(store, config, vendors or Vendors(config), schema=schema, refresh_all=refresh_all)
    targets, errors = finder.of(_by_priority(config, tickers), bounds)
    return _preview(store, config, targets, errors, with_references=with_references, cancel=cancel)


def plan_update(
    store: Repository,
    config: Config,
    *,
    tickers: str | Iterable[str] | None = None,
    schema: str | None = None,
    with_references: bool = True,
    vendors: Vendors | None = None,
    cancel: threading.Event | None = None,
) -> FetchPreview:
    """Return what `update_network` with the same arguments would fetch, as `plan_network` does."""
    finder = FetchTargets(store, config, vendors or Vendors(config), schema=schema)
    targets, errors = finder.updates(_by_priority(config, tickers))
    return _preview(store, config, targets, errors, with_references=with_references, cancel=cancel)


def ingest_network(
    store: Repository,
    config: Config,
    start: BoundLike,
    end: BoundLike = None,
    *,
    tickers: str | Iterable[str] | None = None,
    schema: str | None = None,
    refresh_all: bool = False,
    confirm_cost: Confirm = False,
    on_error: str | None = None,
    with_references: bool = True,
    progress: FetchCallback = no_progress,
    cancel: threading.Event | None = None,
    vendors: Vendors | None = None,
) -> FetchResult:
    """Fetch the parts of a range that the store is missing.

    Parameters
    ----------
    config
        The sources, and each ticker's source.
    start, end
        Dates select whole sessions, the end date included; instants are half-open; `end` None is now.
    tickers
        By default the configuration's tickers, by priority.
    schema
        The bars to fetch; by default those that the source or the configured interval needs.
    refresh_all
        Fetch everything again, however fresh.
    confirm_cost
        Whether the run may cost more than the sources' `max_cost_usd`; a function is called with the dollars.
    on_error
        'skip': a ticker that cannot be fetched is in the result, and the others are complete; 'raise': the first error
        ends the run. By default the configuration's.
    with_references
        Whether to fetch splits, dividends and details, too, if they are missing or older than the cache allows.
    cancel
        Setting it ends the run within two seconds; its commits stay.

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
    warn_of_midnight_end(end, bounds)
    names = _by_priority(config, tickers)
    finder = FetchTargets(store, config, vendors or Vendors(config), schema=schema, refresh_all=refresh_all)
    targets, errors = finder.of(names, bounds)
    run = FetchRun(
        store,
        config,
        on_error=on_error,
        confirm_cost=confirm_cost,
        with_references=with_references,
        refresh_all=refresh_all,
        progress=progress,
        cancel=cancel,
    )
    return run.run(targets, errors, {"start": str(bounds.start), "end": str(bounds.end), "tickers": names})


def update_network(
    store: Repository,
    config: Config,
    *,
    tickers: str | Iterable[str] | None = None,
    schema: str | None = None,
    confirm_cost: Confirm = False,
    on_error: str | None = None,
    with_references: bool = True,
    progress: FetchCallback = no_progress,
    cancel: threading.Event | None = None,
    vendors: Vendors | None = None,
) -> FetchResult:
    """Fetch each ticker from its last coverage to the last closed bar, and again what may have changed since.

    That is what is stale and was fetched less than `cache.settle_days` after its end. A ticker that was never fetched
    has no start, and is an error in the result. `ingest_network` describes the parameters and errors.
    """
    names = _by_priority(config, tickers)
    targets, errors = FetchTargets(store, config, vendors or Vendors(config), schema=schema).updates(names)
    run = FetchRun(
        store,
        config,
        on_error=on_error,
        confirm_cost=confirm_cost,
        with_references=with_references,
        progress=progress,
        cancel=cancel,
    )
    return run.run(targets, errors, {"update": True, "tickers": names})


async def run_cancellable(function: Callable[[], _Result], cancel: threading.Event) -> _Result:
    """Run `function` in a thread; cancelling the task sets `cancel` and waits for the function to end."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        cancel.set()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


def _preview(
    store: Repository,
    config: Config,
    targets: Sequence[FetchTarget],
    errors: Mapping[str, MtstoreError],
    *,
    with_references: bool,
    cancel: threading.Event | None,
) -> FetchPreview:
    refused = {target.ticker: str(one.row.reason) for target in targets for one in target.refused}
    return FetchPreview(
        fetches=tuple(_planned(chunk, store.layout.downloads, cancel) for chunk in chunks_of(targets)),
        cached=tuple(target.ticker for target in targets if not (target.plan.needs or target.refused)),
        errors={ticker: str(error) for ticker, error in errors.items()} | refused,
        references=_planned_references(store, config, targets) if with_references else (),
    )


def _planned(chunk: Chunk, rescued: Path, cancel: threading.Event | None) -> PlannedFetch:
    estimate = chunk.source.estimate(chunk.request(cancel), rescued=rescued)
    return PlannedFetch(
        source=chunk.source.settings.source,
        schema=chunk.schema,
        tickers=chunk.tickers,
        range=chunk.range,
        **dataclasses.asdict(estimate),
    )


def _planned_references(
    store: Repository, config: Config, targets: Sequence[FetchTarget]
) -> tuple[PlannedReferences, ...]:
    found: dict[str, list[str]] = defaultdict(list)
    for target in due_references(store, targets, ttl_days=config.multi_ticker.cache.ttl_days):
        found[target.source.settings.source].append(target.ticker)
    return tuple(
        PlannedReferences(source, tuple(tickers), REQUESTS_PER_TICKER * len(tickers))
        for source, tickers in found.items()
    )


def _by_priority(config: Config, tickers: str | Iterable[str] | None) -> list[str]:
    """Return the tickers by priority, each once."""
    names = ticker_names(tickers)
    if names is None:
        return list(config.fetch_order())
    place = {ticker: number for number, ticker in enumerate(config.fetch_order())}
    return sorted(dict.fromkeys(names), key=lambda ticker: place.get(ticker, len(place)))
