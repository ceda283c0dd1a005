"""Ingest over the network: what is missing is worked out, fetched side by side, and committed chunk by chunk.

A killed run goes on where it was: what it had committed is covered, and is not asked for again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mtstore.bars import US_PER_SECOND, Answer
from mtstore.errors import CostLimitError, MtstoreError, SourceError
from mtstore.ingest.coverage import settled_until_us
from mtstore.ingest.fetching import Chunk, Fetched, Fetcher, chunks_of
from mtstore.ingest.network_report import (
    FetchCallback,
    FetchProgress,
    NetworkPlan,
    NetworkReport,
    PlannedFetch,
    TickerOutcome,
    no_progress,
)
from mtstore.ingest.renewal import Renewal, renewals_of
from mtstore.ingest.runs import Run, start_run
from mtstore.ingest.settling import split_answer
from mtstore.ingest.vendors import Vendors
from mtstore.ingest.wanted import Wanted, Wants
from mtstore.rangesets import intersect, subtract, union
from mtstore.sources.vendor import CostBudget, Estimate, Tally
from mtstore.store.ledger import Freshness
from mtstore.timeranges import parse_bounds

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.store.repository import Repository
    from mtstore.store.writer import Writer
    from mtstore.timeranges import BoundLike

logger = logging.getLogger("mtstore.ingest")

Confirm = bool | Callable[[float], bool]
"""Whether a run may cost more than `max_cost_usd`; a function is asked with the dollars."""


def plan_network(
    store: Repository,
    config: Config,
    start: BoundLike,
    end: BoundLike = None,
    *,
    tickers: Sequence[str] | None = None,
    schema: str | None = None,
    refresh_all: bool = False,
    vendors: Vendors | None = None,
    cancel: threading.Event | None = None,
) -> NetworkPlan:
    """What `ingest_network` with the same arguments would fetch, without fetching it.

    Databento is asked for counts and costs, which is free; Polygon is not asked at all.
    """
    vendors = vendors or Vendors(config)
    wants = Wants(store, config, vendors, schema=schema, refresh_all=refresh_all)
    bounds = parse_bounds(start, end, tz=config.multi_ticker.alignment.timezone)
    wanted, errors = wants.of(_in_order(config, tickers), bounds)
    fetches = []
    for chunk in chunks_of(wanted):
        estimate = chunk.source.estimate(chunk.tickers, chunk.schema, chunk.range, cancel=cancel)
        fetches.append(_planned(chunk, estimate))
    return NetworkPlan(
        fetches=tuple(fetches),
        cached=tuple(one.ticker for one in wanted if not one.plan.needs),
        errors={ticker: str(error) for ticker, error in errors.items()},
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
    progress: FetchCallback = no_progress,
    cancel: threading.Event | None = None,
    vendors: Vendors | None = None,
) -> NetworkReport:
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
    began = time.monotonic()
    cancel = cancel or threading.Event()
    vendors = vendors or Vendors(config)
    bounds = parse_bounds(start, end, tz=config.multi_ticker.alignment.timezone)
    names = _in_order(config, tickers)
    wanted, errors = Wants(store, config, vendors, schema=schema, refresh_all=refresh_all).of(names, bounds)
    return _Session(store, config, on_error or config.multi_ticker.on_error, progress, cancel).run(
        wanted, errors, confirm_cost, {"start": str(bounds.start), "end": str(bounds.end), "tickers": names}, began
    )


async def ingest_network_async(*arguments: Any, **options: Any) -> NetworkReport:
    """`ingest_network` in a thread; cancelling the task stops it within two seconds, and what was committed stays."""
    cancel = options.pop("cancel", None) or threading.Event()
    work = asyncio.ensure_future(asyncio.to_thread(ingest_network, *arguments, cancel=cancel, **options))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        cancel.set()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


class _Session:
    """One run."""

    def __init__(
        self, store: Repository, config: Config, on_error: str, progress: FetchCallback, cancel: threading.Event
    ) -> None:
        cache = config.multi_ticker.cache
        self._store = store
        self._freshness = Freshness(cache.ttl_days, cache.settle_days)
        self._on_error = on_error
        self._progress = progress
        self._cancel = cancel
        self._report = NetworkReport()
        self._stale: dict[str, Wanted] = {}
        self._tails: list[Answer] = []

    def run(
        self,
        wanted: Sequence[Wanted],
        errors: Mapping[str, MtstoreError],
        confirm_cost: Confirm,
        arguments: Mapping[str, Any],
        began: float,
    ) -> NetworkReport:
        report = self._report
        for one in wanted:
            report.tickers[one.ticker] = TickerOutcome(
                one.ticker, one.source.settings.source, one.schema, cached=one.plan.cached
            )
        for ticker, error in errors.items():
            report.tickers[ticker] = TickerOutcome(ticker, error=str(error), exception=error)
            self._raise_if_asked(error)
        wanted, renewals = self._without_unchanged(wanted)
        self._stale = {one.ticker: one for one in wanted}
        todo = chunks_of(wanted)
        if todo or renewals:
            run = start_run("fetch", arguments)
            report.run_id = run.run_id
            budgets = self._budgets(todo, confirm_cost)
            self._fetch(todo, budgets, renewals, run)
            report.cost_usd = sum(budget.spent_usd for budget in budgets.values())
        report.generation = self._store.generation()
        report.seconds = time.monotonic() - began
        return report

    def _budgets(self, todo: Sequence[Chunk], confirm_cost: Confirm) -> dict[str, CostBudget]:
        """What may be spent at each source; refused here if the plan costs more, before anything is fetched."""
        budgets = {}
        for name, source in {chunk.source.settings.source: chunk.source for chunk in todo}.items():
            allowed = source.settings.max_cost_usd
            if source.binding.provider == "databento":
                tally = Tally()
                costs = [
                    chunk.source.estimate(chunk.tickers, chunk.schema, chunk.range, cancel=self._cancel, tally=tally)
                    for chunk in todo
                    if chunk.source is source
                ]
                self._count(tally)
                total = sum(estimate.cost_usd or 0.0 for estimate in costs)
                if total > allowed:
                    if not (confirm_cost(total) if callable(confirm_cost) else confirm_cost):
                        raise CostLimitError(
                            f"{name}: this fetch costs ${total:.2f}, more than the ${allowed:.2f} allowed by "
                            f"sources.{name}.max_cost_usd; raise it, or confirm the cost (--yes, confirm_cost=True)"
                        )
                    allowed = total
            budgets[name] = CostBudget(allowed)
        return budgets

    def _without_unchanged(self, wanted: Sequence[Wanted]) -> tuple[list[Wanted], list[Renewal]]:
        """The load without the stale ranges of which the vendor says, free of charge, that they did not change."""
        left, renewals = [], []
        tally = Tally()
        for one in wanted:
            try:
                found = renewals_of(one, cancel=self._cancel, tally=tally)
            except SourceError as error:
                # Then it is asked for as if nothing were known.
                logger.warning("%s", error, extra={"ticker": one.ticker, "source": one.source.settings.source})
                found = []
            same = union(*(renewal.ranges for renewal in found), ())
            self._report.tickers[one.ticker].unchanged = same
            left.append(replace(one, plan=replace(one.plan, needs=subtract(one.plan.needs, same))))
            renewals += found
        self._count(tally)
        return left, renewals

    def _renew(self, renewals: Sequence[Renewal], writer: Writer) -> None:
        at = datetime.now(UTC)
        for renewal in renewals:
            for row in renewal.rows(writer.run_id, at, self._freshness):
                writer.note("coverage_ledger", row)

    def _fetch(
        self, todo: Sequence[Chunk], budgets: Mapping[str, CostBudget], renewals: Sequence[Renewal], run: Run
    ) -> None:
        report = self._report
        with self._store.writer("fetch", run_id=run.run_id, freshness=self._freshness) as writer:
            self._renew(renewals, writer)
            fetcher = Fetcher(writer.staging, budgets, self._cancel)
            for number, fetched in enumerate(fetcher.run(todo), start=1):
                self._take(fetched, writer)
                self._progress(FetchProgress(number, len(todo), report.rows, report.requests, fetched.chunk.tickers))
            if self._tails:
                writer.commit()
            for answer in self._tails:
                writer.add(answer)
            status = "complete" if report.is_complete else "incomplete"
            writer.note("ingest_runs", run.row(**_summary(report, status)))
            writer.commit()
            report.commits = writer.totals.commits

    def _take(self, fetched: Fetched, writer: Writer) -> None:
        chunk = fetched.chunk
        self._count(fetched.tally)
        for ticker in chunk.tickers:
            outcome = self._report.tickers[ticker]
            outcome.requests += fetched.tally.requests
            outcome.retries += fetched.tally.retries
            outcome.seconds += fetched.seconds
            if fetched.error is not None:
                stale = intersect((chunk.range,), self._stale[ticker].plan.stale)
                outcome.fail(fetched.error, (chunk.range,), stale)
                logger.warning("%s", fetched.error, extra={"ticker": ticker, "source": chunk.source.settings.source})
        if fetched.error is not None:
            self._raise_if_asked(fetched.error)
        for answer in fetched.answers:
            self._note(answer)
            settled, tail = self._split(answer)
            writer.add(settled)
            if tail is not None:
                self._tails.append(tail)

    def _note(self, answer: Answer) -> None:
        outcome = self._report.tickers[answer.ticker]
        outcome.rows += answer.bars.num_rows
        self._report.rows += answer.bars.num_rows
        if answer.quarantined is not None:
            outcome.quarantined_rows += answer.quarantined.num_rows
        if answer.reason is not None:
            outcome.notes.append(answer.reason)
            logger.warning("%s: %s: %s", answer.binding.source, answer.ticker, answer.reason)
        if answer.result == "failed":
            outcome.failed = union(outcome.failed, answer.ranges)
            outcome.error = outcome.error or answer.reason
        else:
            outcome.fetched = union(outcome.fetched, answer.ranges, answer.partial_ranges)

    def _split(self, answer: Answer) -> tuple[Answer, Answer | None]:
        """An answer's settled part and the rest, which goes stale: their coverage must not share a fate."""
        line = settled_until_us(
            now_us=int(time.time() * US_PER_SECOND),
            settle_days=self._freshness.settle_days,
            ttl_days=self._freshness.ttl_days,
        )
        return split_answer(answer, line) if line is not None else (answer, None)

    def _count(self, tally: Tally) -> None:
        self._report.requests += tally.requests
        self._report.retries += tally.retries
        self._report.bytes_received += tally.bytes_received

    def _raise_if_asked(self, error: MtstoreError) -> None:
        if self._on_error == "raise":
            raise error


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


def _in_order(config: Config, tickers: Sequence[str] | None) -> list[str]:
    """The tickers by priority, each once."""
    if tickers is None:
        return list(config.fetch_order())
    place = {ticker: number for number, ticker in enumerate(config.fetch_order())}
    return sorted(dict.fromkeys(tickers), key=lambda ticker: place.get(ticker, len(place)))


def _summary(report: NetworkReport, status: str) -> dict[str, Any]:
    errors = "; ".join(outcome.error for outcome in report.failed[:10] if outcome.error)
    return {
        "status": status,
        "tickers": len(report.tickers),
        "files": 0,
        "rows": report.rows,
        "quarantined_rows": sum(outcome.quarantined_rows for outcome in report.tickers.values()),
        "error": errors or None,
    }
