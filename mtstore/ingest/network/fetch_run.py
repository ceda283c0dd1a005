"""One run over the network: what may be spent, what is fetched, what the store and the report make of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mtstore.bars import BarBatch
from mtstore.errors import MtstoreError, SourceError
from mtstore.ingest.network import fetch_references as references
from mtstore.ingest.network.cost_check import Confirm, CostCheck, check_cost
from mtstore.ingest.network.fetch_plan import settled_until_us
from mtstore.ingest.network.fetcher import Chunk, Fetched, Fetcher, chunks_of
from mtstore.ingest.network.report import FetchCallback, FetchResult, TickerOutcome
from mtstore.ingest.network.revalidate import Revalidation, revalidations_of
from mtstore.ingest.network.split_settled import split_at_settled
from mtstore.ingest.network.symbology import Symbology
from mtstore.ingest.run_record import Run, start_run
from mtstore.progress_bar import FetchProgress
from mtstore.ranges import US_PER_SECOND, intersect, subtract, union
from mtstore.sources.http.request_stats import RequestStats
from mtstore.storage.commit.coverage_ledger import Freshness
from mtstore.storage.settings.ticker_metadata import merge_mappings, merge_metadata

if TYPE_CHECKING:
    from mtstore.ingest.network.fetch_targets import FetchTarget
    from mtstore.storage.commit.writer import Writer
    from mtstore.storage.repository import Repository

logger = logging.getLogger("mtstore.ingest")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run behaves; see `ingest_network`."""

    freshness: Freshness
    is_compressed: bool
    on_error: str
    confirm_cost: Confirm
    with_references: bool
    refresh_all: bool
    progress: FetchCallback
    cancel: threading.Event


class FetchRun:
    """One run; `run` does it."""

    def __init__(self, store: Repository, options: RunOptions) -> None:
        self._store = store
        self._options = options
        self._freshness = options.freshness
        self._cancel = options.cancel
        self._report = FetchResult()
        self._stale: dict[str, FetchTarget] = {}
        self._tails: list[BarBatch] = []
        self._details: dict[str, dict[str, Any]] = {}
        self._symbology = Symbology()

    def run(
        self,
        wanted: Sequence[FetchTarget],
        errors: Mapping[str, MtstoreError],
        arguments: Mapping[str, Any],
    ) -> FetchResult:
        """Fetch what is wanted, and store it; see `ingest_network` for errors."""
        began = time.monotonic()
        report = self._report
        for one in wanted:
            report.tickers[one.ticker] = TickerOutcome(
                one.ticker, one.source.settings.source, one.schema, cached=one.plan.cached, beyond=one.plan.beyond
            )
        for ticker, error in errors.items():
            report.tickers[ticker] = TickerOutcome(ticker, error=str(error), exception=error)
            self._raise_if_asked(error)
        due = []
        if self._options.with_references:
            due = references.due(self._store, wanted, ttl_days=self._freshness.ttl_days)
        wanted, revalidations = self._without_unchanged(self._with_keys(wanted))
        self._stale = {one.ticker: one for one in wanted}
        todo = chunks_of(wanted)
        if todo or revalidations or due:
            run = start_run("fetch", arguments)
            report.run_id = run.run_id
            affordable, cost_check = self._allowed(todo)
            writing = self._store.writer(
                "fetch", run_id=run.run_id, freshness=self._freshness, is_compressed=self._options.is_compressed
            )
            try:
                with writing as writer:
                    self._write(run, writer, revalidations, affordable, cost_check, due)
            finally:
                # What came before an error stays, and so does what it says of its tickers.
                self._store_metadata()
            report.cost_usd = cost_check.spent_usd
        report.snapshot = self._store.layout.newest_snapshot()
        report.seconds = time.monotonic() - began
        return report

    def _write(  # noqa: PLR0917 - the steps of `run`, in its words
        self,
        run: Run,
        writer: Writer,
        revalidations: Sequence[Revalidation],
        affordable: Sequence[Chunk],
        cost_check: CostCheck,
        due: Sequence[FetchTarget],
    ) -> None:
        try:
            self._renew(revalidations, writer)
            self._fetch(affordable, cost_check, writer)
            self._fetch_references(due, writer)
        except MtstoreError as error:
            self._finish(run, writer, error)
            raise
        self._finish(run, writer, None)

    def _with_keys(self, wanted: Sequence[FetchTarget]) -> list[FetchTarget]:
        """The load without what sources would be asked for that have no key: one sentence each, and no request."""
        missing: dict[str, SourceError] = {}
        for settings in {one.source.settings.source: one.source.settings for one in wanted if one.plan.needs}.values():
            try:
                if settings.api_key is not None:
                    settings.api_key.reveal()
            except SourceError as error:
                missing[settings.source] = error
                logger.warning("%s: %s", settings.source, error, extra={"source": settings.source})
        left = []
        for one in wanted:
            locked = missing.get(one.source.settings.source)
            if locked is None:
                left.append(one)
            elif one.plan.needs:
                self._report.tickers[one.ticker].fail(locked, one.plan.needs, one.plan.stale)
                self._raise_if_asked(locked)
        return left

    def _allowed(self, todo: Sequence[Chunk]) -> tuple[list[Chunk], CostCheck]:
        """What may be fetched, and what may be spent for it."""
        stats = RequestStats()
        cost_check = check_cost(todo, self._options.confirm_cost, cancel=self._cancel, stats=stats)
        self._count(stats)
        affordable = []
        for chunk in todo:
            error = cost_check.unknown.get(chunk.source.settings.source)
            if error is None:
                affordable.append(chunk)
            else:
                self._fail(chunk, error)
        return affordable, cost_check

    def _without_unchanged(self, wanted: Sequence[FetchTarget]) -> tuple[list[FetchTarget], list[Revalidation]]:
        """The load without the stale ranges of which the vendor says, free of charge, that they did not change."""
        left: list[FetchTarget] = []
        revalidations: list[Revalidation] = []
        if self._options.refresh_all:
            return list(wanted), revalidations
        stats = RequestStats()
        for one in wanted:
            try:
                found = revalidations_of(one, cancel=self._cancel, stats=stats)
            except SourceError as error:
                # Then it is asked for as if nothing were known.
                logger.warning("%s", error, extra={"ticker": one.ticker, "source": one.source.settings.source})
                found = []
            same = union(*(revalidation.ranges for revalidation in found), ())
            self._report.tickers[one.ticker].unchanged = same
            left.append(replace(one, plan=replace(one.plan, needs=subtract(one.plan.needs, same))))
            revalidations += found
        self._count(stats)
        return left, revalidations

    def _renew(self, revalidations: Sequence[Revalidation], writer: Writer) -> None:
        at = datetime.now(UTC)
        for revalidation in revalidations:
            for row in revalidation.rows(writer.run_id, at, self._freshness):
                writer.record("coverage_ledger", row)

    def _fetch(self, todo: Sequence[Chunk], cost_check: CostCheck, writer: Writer) -> None:
        report = self._report
        fetcher = Fetcher(writer.staging, cost_check.budgets, self._cancel)
        for number, fetched in enumerate(fetcher.run(todo), start=1):
            self._accept(fetched, writer)
            self._options.progress(
                FetchProgress(number, len(todo), report.rows, report.requests, fetched.chunk.tickers)
            )

    def _finish(self, run: Run, writer: Writer, error: MtstoreError | None) -> None:
        """Commit what is left, and the run itself."""
        if self._tails:
            writer.commit()
        for answer in self._tails:
            writer.add(answer)
        status = "failed" if error is not None else "complete" if self._report.is_complete else "incomplete"
        writer.record("ingest_runs", run.row(**_summary(self._report, status)))
        writer.commit()
        self._report.commits = writer.totals.commits

    def _store_metadata(self) -> None:
        found = self._symbology.metadata(self._store)
        for ticker, details in self._details.items():
            found[ticker] = merge_mappings(found.get(ticker, {}), details)
        if found:
            merge_metadata(self._store, found)

    def _accept(self, fetched: Fetched, writer: Writer) -> None:
        chunk = fetched.chunk
        self._count(fetched.stats)
        for ticker in chunk.tickers:
            outcome = self._report.tickers[ticker]
            outcome.requests += fetched.stats.requests
            outcome.retries += fetched.stats.retries
            outcome.seconds += fetched.seconds
        if fetched.error is not None:
            self._fail(chunk, fetched.error)
        for answer in fetched.answers:
            self._record(answer)
            settled, tail = self._split(answer)
            writer.add(settled)
            if tail is not None:
                self._tails.append(tail)

    def _fail(self, chunk: Chunk, error: MtstoreError) -> None:
        for ticker in chunk.tickers:
            stale = intersect((chunk.range,), self._stale[ticker].plan.stale)
            self._report.tickers[ticker].fail(error, (chunk.range,), stale)
        context = {"ticker": ",".join(chunk.tickers), "source": chunk.source.settings.source}
        logger.warning("%s", error, extra=context)
        self._raise_if_asked(error)

    def _fetch_references(self, due: Sequence[FetchTarget], writer: Writer) -> None:
        for found in references.fetch(due, self._cancel):
            self._accept_references(found, writer)

    def _accept_references(self, found: references.References, writer: Writer) -> None:
        self._count(found.stats)
        outcome = self._report.tickers[found.ticker]
        outcome.requests += found.stats.requests
        outcome.retries += found.stats.retries
        if found.error is None:
            found.store(writer, datetime.now(UTC))
            if found.details:
                # Under the source's name, so that they never stand in for what people say themselves.
                self._details[found.ticker] = {found.source: found.details}
        else:
            outcome.notes.append(f"splits, dividends and details did not come: {found.error}")

    def _record(self, answer: BarBatch) -> None:
        outcome = self._report.tickers[answer.ticker]
        self._symbology.take(answer)
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

    def _split(self, answer: BarBatch) -> tuple[BarBatch, BarBatch | None]:
        """An answer's settled part and the rest, which goes stale: their coverage must not share a fate."""
        line = settled_until_us(
            now_us=int(time.time() * US_PER_SECOND),
            settle_days=self._freshness.settle_days,
            ttl_days=self._freshness.ttl_days,
        )
        return split_at_settled(answer, line) if line is not None else (answer, None)

    def _count(self, stats: RequestStats) -> None:
        self._report.requests += stats.requests
        self._report.retries += stats.retries
        self._report.bytes_received += stats.bytes_received

    def _raise_if_asked(self, error: MtstoreError) -> None:
        if self._options.on_error == "raise":
            raise error


def _summary(report: FetchResult, status: str) -> dict[str, Any]:
    errors = "; ".join(outcome.error for outcome in report.failed[:10] if outcome.error)
    return {
        "status": status,
        "tickers": len(report.tickers),
        "files": 0,
        "rows": report.rows,
        "quarantined_rows": sum(outcome.quarantined_rows for outcome in report.tickers.values()),
        "error": errors or None,
    }
