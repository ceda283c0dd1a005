"""One run over the network: check the cost, fetch, store, and report."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from mtstore.bars import BarBatch
from mtstore.errors import MtstoreError, SourceError
from mtstore.ingest.network.cost_check import Confirm, CostCheck, check_cost
from mtstore.ingest.network.fetch_references import References, due_references, fetch_references
from mtstore.ingest.network.fetcher import Chunk, Fetched, Fetcher, chunks_of
from mtstore.ingest.network.report import FetchCallback, FetchResult, TickerOutcome
from mtstore.ingest.network.revalidate import revalidations_of
from mtstore.ingest.network.symbology import Symbology
from mtstore.ingest.network.vendors import missing_keys
from mtstore.ingest.pair_spellings import spelling_notes, stored_pairs
from mtstore.ingest.refused_dividends import refused_dividends
from mtstore.ingest.run_record import Run, start_run
from mtstore.progress_bar import FetchProgress
from mtstore.ranges import intersect, subtract, union
from mtstore.sources.http.downloads import Downloads
from mtstore.sources.http.rate_limit import StopSignal
from mtstore.sources.http.request import RequestStats
from mtstore.storage.commit import coverage_ledger
from mtstore.storage.commit.coverage_ledger import Freshness
from mtstore.storage.layout import DOWNLOADS
from mtstore.storage.settings.ticker_metadata import merge_mappings, merge_metadata

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.ingest.network.fetch_targets import FetchTarget
    from mtstore.storage.commit.writer import Writer
    from mtstore.storage.repository import Repository

logger = logging.getLogger("mtstore.ingest")

# Seconds without an answer after which those before are committed; the writer commits those that come faster.
_COMMIT_AFTER_SECONDS = 0.5


class FetchRun:
    """One run; call `run` once. `ingest_network` describes the parameters."""

    def __init__(
        self,
        store: Repository,
        config: Config,
        *,
        on_error: str | None,
        confirm_cost: Confirm,
        with_references: bool,
        progress: FetchCallback,
        cancel: threading.Event | None,
        refresh_all: bool = False,
    ) -> None:
        cache = config.multi_ticker.cache
        self._store = store
        self._freshness = Freshness(cache.ttl_days, cache.settle_days)
        self._is_compressed = cache.compression
        self._on_error = on_error or config.multi_ticker.on_error
        self._confirm_cost = confirm_cost
        self._with_references = with_references
        self._refresh_all = refresh_all
        self._rescued = None if refresh_all else store.layout.downloads
        self._uncommitted: list[Downloads] = []
        self._progress = progress
        # The run sets its own signal when it ends early; it must not set the caller's.
        self._cancel = StopSignal(cancel)
        self._result = FetchResult()
        self._targets: dict[str, FetchTarget] = {}
        self._answered_at = time.monotonic()
        self._refused: list[BarBatch] = []
        self._details: dict[str, dict[str, Any]] = {}
        self._symbology = Symbology()

    def run(
        self,
        targets: Sequence[FetchTarget],
        errors: Mapping[str, MtstoreError],
        arguments: Mapping[str, Any],
    ) -> FetchResult:
        """Fetch the targets and store them; see `ingest_network` for errors."""
        began = time.monotonic()
        result = self._result
        for target in targets:
            result.tickers[target.ticker] = TickerOutcome(
                target.ticker,
                target.source.settings.source,
                target.schema,
                cached=subtract(target.plan.cached, (one.range for one in target.refused)),
                beyond=target.plan.beyond,
            )
            for refused in target.refused:
                result.tickers[target.ticker].refuse((refused.range,), refused.row.reason)
        for ticker, note in spelling_notes(stored_pairs(self._store), result.tickers).items():
            result.tickers[ticker].notes.append(note)
        for ticker, error in errors.items():
            result.tickers[ticker] = TickerOutcome(ticker, error=str(error), exception=error)
            self._raise_if_configured(error)
        due = []
        if self._with_references:
            due = due_references(self._store, targets, ttl_days=self._freshness.ttl_days)
        targets, revalidations = self._without_unchanged(self._with_keys(targets))
        self._targets = {target.ticker: target for target in targets}
        todo = chunks_of(targets)
        if todo or revalidations or due:
            run = start_run("fetch", arguments)
            result.run_id = run.run_id
            cost_check = self._cost_check(todo)
            writing = self._store.writer(
                "fetch", run_id=run.run_id, freshness=self._freshness, is_compressed=self._is_compressed
            )
            try:
                with writing as writer:
                    self._write(run, writer, revalidations, todo, cost_check, due)
            finally:
                # Bars fetched before an error stay in the store, so their metadata must, too.
                self._store_metadata()
            for ticker, reason in refused_dividends(self._store, {target.ticker for target in due}):
                result.tickers[ticker].notes.append(reason)
            result.cost_usd = cost_check.spent_usd
        result.snapshot = self._store.layout.newest_snapshot()
        result.seconds = time.monotonic() - began
        return result

    def _with_keys(self, targets: Sequence[FetchTarget]) -> list[FetchTarget]:
        """Return the targets whose source has an API key, and fail the others: one message a source, no request."""
        missing = missing_keys(one.source for one in targets if one.plan.needs)
        for target in targets:
            no_key = missing.get(target.source.settings.source)
            if no_key is not None and target.plan.needs:
                self._result.tickers[target.ticker].fail(no_key, target.plan.needs, target.plan.stale)
                self._raise_if_configured(no_key)
        return [target for target in targets if target.source.settings.source not in missing]

    def _without_unchanged(self, targets: Sequence[FetchTarget]) -> tuple[list[FetchTarget], list[BarBatch]]:
        """Return the targets without their stale ranges that the vendor, free of charge, reports unchanged."""
        left: list[FetchTarget] = []
        revalidations: list[BarBatch] = []
        if self._refresh_all:
            return list(targets), revalidations
        stats = RequestStats()
        for target in targets:
            try:
                found = revalidations_of(target, cancel=self._cancel, stats=stats)
            except SourceError as error:
                # Without an answer the stale ranges are fetched.
                logger.warning("%s", error, extra={"ticker": target.ticker, "source": target.source.settings.source})
                found = []
            same = union(*(one.ranges for one in found), ())
            self._result.tickers[target.ticker].unchanged = same
            left.append(replace(target, plan=replace(target.plan, needs=subtract(target.plan.needs, same))))
            revalidations += found
        self._count(stats)
        return left, revalidations

    def _cost_check(self, todo: Sequence[Chunk]) -> CostCheck:
        stats = RequestStats()
        cost_check = check_cost(todo, self._confirm_cost, rescued=self._rescued, cancel=self._cancel, stats=stats)
        self._count(stats)
        return cost_check

    def _affordable(self, todo: Sequence[Chunk], cost_check: CostCheck) -> list[Chunk]:
        """Return the chunks that may be fetched; fail those whose cost is not known."""
        for chunk in todo:
            if (error := cost_check.unknown.get(chunk.source.settings.source)) is not None:
                self._fail(chunk, error)
        return [chunk for chunk in todo if chunk.source.settings.source not in cost_check.unknown]

    def _write(  # noqa: PLR0917 - the steps of `run`, in its words
        self,
        run: Run,
        writer: Writer,
        revalidations: Sequence[BarBatch],
        todo: Sequence[Chunk],
        cost_check: CostCheck,
        due: Sequence[FetchTarget],
    ) -> None:
        try:
            at = datetime.now(UTC)
            for row in coverage_ledger.rows(revalidations, writer.run_id, at, self._freshness):
                writer.record("coverage_ledger", row)
            affordable = self._affordable(todo, cost_check)
            budgets, commit = cost_check.budgets, partial(self._commit_while_waiting, writer)
            downloads = partial(Downloads, writer.staging, writer.staging / DOWNLOADS, self._rescued)
            done, total = 0, len(affordable)
            for fetched in Fetcher(budgets, self._cancel, downloads=downloads, on_wait=commit).run(affordable):
                self._accept(fetched, writer)
                if not fetched.is_part:
                    done += 1
                    result = self._result
                    self._progress(FetchProgress(done, total, result.rows, result.requests, fetched.chunk.tickers))
            self._fetch_references(due, writer)
        except MtstoreError:
            self._finish(run, writer, "failed")
            raise
        self._finish(run, writer, "complete" if self._result.is_complete else "incomplete")

    def _accept(self, fetched: Fetched, writer: Writer) -> None:
        """Write the batches of a chunk, and account for what it took."""
        for batch in fetched.batches:
            self._record(batch)
            if batch.is_unavailable:
                self._refused.append(batch)
            else:
                writer.add(batch)
        self._answered_at = time.monotonic()
        if fetched.is_part:
            return
        self._count(fetched.stats)
        for ticker in fetched.chunk.tickers:
            outcome = self._result.tickers[ticker]
            outcome.requests += fetched.stats.requests
            outcome.retries += fetched.stats.retries
            outcome.seconds += fetched.seconds
            if fetched.error is None:
                outcome.beyond = union(outcome.beyond, fetched.unanswered(ticker))
        if fetched.error is not None:
            self._fail(fetched.chunk, fetched.error, fetched)
        elif fetched.downloads is not None:
            self._uncommitted.append(fetched.downloads)
        self._delete_committed(writer)

    def _delete_committed(self, writer: Writer) -> None:
        """Delete the downloads whose bars are committed."""
        while self._uncommitted and not writer.has_uncommitted:
            self._uncommitted.pop().delete()

    def _commit_while_waiting(self, writer: Writer) -> None:
        """Commit what has arrived when answers are slow, so that a killed run need not request it again."""
        if writer.has_uncommitted and time.monotonic() - self._answered_at > _COMMIT_AFTER_SECONDS:
            writer.commit()

    def _record(self, batch: BarBatch) -> None:
        self._symbology.add(batch)
        self._result.rows += batch.bars.num_rows
        self._result.tickers[batch.ticker].add(batch, self._targets[batch.ticker].plan.stale)
        for reason in filter(None, (batch.partial_reason, batch.reason)):
            logger.warning("%s: %s: %s", batch.binding.source, batch.ticker, reason)

    def _fetch_references(self, due: Sequence[FetchTarget], writer: Writer) -> None:
        committed_at = time.monotonic()
        if due:
            writer.commit()
        for references in fetch_references(due, self._cancel):
            self._accept_references(references, writer)
            if time.monotonic() - committed_at > _COMMIT_AFTER_SECONDS:
                # Details go first: once splits and dividends are recorded, none of the three is requested again.
                self._store_metadata()
                writer.commit()
                committed_at = time.monotonic()

    def _accept_references(self, found: References, writer: Writer) -> None:
        self._count(found.stats)
        outcome = self._result.tickers[found.ticker]
        outcome.requests += found.stats.requests
        outcome.retries += found.stats.retries
        if found.error is None:
            found.store(writer, datetime.now(UTC))
            if found.details:
                # Under the source's name, so that they never replace what users set themselves.
                self._details[found.ticker] = {found.source: found.details}
        else:
            outcome.notes.append(f"splits, dividends and details did not come: {found.error}")

    def _fail(self, chunk: Chunk, error: MtstoreError, fetched: Fetched | None = None) -> None:
        for ticker in chunk.tickers:
            missing = (chunk.range,) if fetched is None else fetched.unanswered(ticker)
            self._result.tickers[ticker].fail(error, missing, intersect(missing, self._targets[ticker].plan.stale))
        if isinstance(error, SourceError):
            self._refused += chunk.refused(error.reason or str(error))
        logger.warning("%s", error, extra={"ticker": ",".join(chunk.tickers), "source": chunk.source.settings.source})
        self._raise_if_configured(error)

    def _finish(self, run: Run, writer: Writer, status: str) -> None:
        """Commit the rest, with the refused ranges and the run's row."""
        # Recorded without `add`, which would bind the source's name to a dataset that may be a typing error.
        for ledger_row in coverage_ledger.rows(self._refused, writer.run_id, datetime.now(UTC), Freshness(None)):
            writer.record("coverage_ledger", ledger_row)
        result = self._result
        row = run.row(
            status=status,
            tickers=len(result.tickers),
            files=0,
            rows=result.rows,
            quarantined_rows=sum(outcome.quarantined_rows for outcome in result.tickers.values()),
            error="; ".join(outcome.error for outcome in result.failed[:10] if outcome.error) or None,
        )
        writer.record("ingest_runs", row)
        writer.commit()
        self._delete_committed(writer)
        result.commits = writer.totals.commits

    def _store_metadata(self) -> None:
        found = self._symbology.metadata(self._store)
        for ticker, details in self._details.items():
            found[ticker] = merge_mappings(found.get(ticker, {}), details)
        if found:
            merge_metadata(self._store, found)
        self._details.clear()

    def _count(self, stats: RequestStats) -> None:
        self._result.requests += stats.requests
        self._result.retries += stats.retries
        self._result.bytes_received += stats.bytes_received

    def _raise_if_configured(self, error: MtstoreError) -> None:
        if self._on_error == "raise":
            raise error
