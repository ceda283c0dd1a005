"""The writer: takes answers, stages partitions in parallel, and commits them in groups.

A commit costs what its view definitions cost, so answers are gathered for some seconds or some thousand partitions.
What an answer does to a partition is worked out before the lock is taken; if another process changed the partition
meanwhile, it is worked out again under the lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.bars import BarBatch, SourceBinding, is_daily
from mtstore.ranges import TimeRange, normalise
from mtstore.storage import durable_io
from mtstore.storage.commit import coverage_ledger, failpoints, source_bindings
from mtstore.storage.commit.commit import Commit
from mtstore.storage.commit.coverage_ledger import Freshness
from mtstore.storage.files import data_file
from mtstore.storage.files.active_files import ActiveFiles
from mtstore.storage.files.data_file import DataFile, Provenance
from mtstore.storage.files.merge_partition import MergeResult, merge
from mtstore.storage.files.slices import by_year
from mtstore.storage.layout import Partition, encode_ticker, new_id

if TYPE_CHECKING:
    import pyarrow as pa

COMMIT_EVERY_SECONDS = 5.0
COMMIT_EVERY_PARTITIONS = 2_000
COMMIT_EVERY_ROWS = 5_000_000  # what was added is held in memory until it is public
_WORKERS = 2
_SYNCERS = 8  # they wait for the disk, which takes many files at once about as fast as one

BeginCommit = Callable[[str, Path], Any]


@dataclass(slots=True)
class _Change:
    """One partition's share of an answer, and what came of it."""

    answer: BarBatch
    partition: Partition
    bars: pa.Table
    ranges: tuple[TimeRange, ...]
    seen: tuple[str, ...] = ()
    outcome: MergeResult | None = None
    staged: tuple[Path, DataFile] | None = None


@dataclass(slots=True)
class WriteTotals:
    """What a run has added so far; `files` and `commits` count what is committed."""

    tickers: set[str] = field(default_factory=set)
    files: int = 0
    rows: int = 0
    quarantined_rows: int = 0
    commits: int = 0


class Writer:
    """Puts answers into the store. Made by `Store.writer`; `close` commits what is left."""

    def __init__(
        self,
        root: Path,
        staging: Path,
        begin: Callable[[str, Path], Any],
        reader: Callable[[], Any],
        run_id: str,
        *,
        freshness: Freshness,
        purpose: str,
        is_compressed: bool,
    ) -> None:
        self.totals = WriteTotals()
        self.run_id = run_id
        self._root = root
        self.staging = staging
        self._begin = begin
        self._reader = reader
        self._freshness = freshness
        self._purpose = purpose
        self._is_compressed = is_compressed
        self._changes: dict[Partition, _Change] = {}
        self._answers: list[BarBatch] = []
        self._rows: list[tuple[str, dict[str, Any]]] = []
        self._bound: dict[str, dict[str, Any]] = {}
        self._gathered_rows = 0
        self._work: list[Future[Future[None] | None]] = []
        self._live = ActiveFiles(reader)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="mtstore-write")
        self._syncers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="mtstore-sync")
        self._gathering_since = time.monotonic()

    def add(self, answer: BarBatch) -> None:
        """Take an answer; it is public after the next commit.

        Raises
        ------
        SourceMismatchError
            The source's name is bound to another vendor or dataset.
        TickerError
            No ticker can have that name.
        """
        if answer.result != "quarantined":  # rows under a name that no ticker can have are kept aside under it
            encode_ticker(answer.ticker)
        self._check_source(answer.binding)
        changes = list(_changes_of(answer))
        if any(change.partition in self._changes for change in changes):
            self.commit()
        self._answers.append(answer)
        self._count(answer)
        if not self._changes:
            self._gathering_since = time.monotonic()
        for change in changes:
            self._changes[change.partition] = change
        if changes:
            self._stage(changes)
        self._gathered_rows += answer.bars.num_rows
        is_due = time.monotonic() - self._gathering_since > COMMIT_EVERY_SECONDS
        is_full = len(self._changes) >= COMMIT_EVERY_PARTITIONS or self._gathered_rows >= COMMIT_EVERY_ROWS
        if is_due or is_full:
            self.commit()

    def record(self, table: str, row: Mapping[str, Any]) -> None:
        """Put a metadata row (a run, an input, a split) with the next commit."""
        self._rows.append((table, dict(row)))

    def commit(self) -> int | None:
        """Commit everything that was added; gives the generation, or None if there was nothing to commit."""
        for work in self._work:
            _wait_for(work.result())
        self._work.clear()
        failpoints.hit("staged")
        self._gathering_since = time.monotonic()
        self._gathered_rows = 0
        if not (self._answers or self._rows):
            return None
        with self._begin(self._purpose, self.staging) as commit:
            self._bind_sources(commit)
            self._apply_changes(commit)
            self._record_coverage(commit)
            self._record_quarantine(commit)
            for table, row in self._rows:
                commit.upsert(table, [row])
            generation: int = commit.finish()
        self._live.forget()
        self.totals.files += sum(1 for change in self._changes.values() if change.staged)
        self._changes.clear()
        self._answers.clear()
        self._rows.clear()
        self.totals.commits += 1
        return generation

    def close(self) -> None:
        """Commit what is left and end the worker threads."""
        try:
            self.commit()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the worker threads; what was not committed is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._syncers.shutdown(wait=True, cancel_futures=True)

    def _check_source(self, binding: SourceBinding) -> None:
        if binding.source not in self._bound:
            with self._reader() as connection:
                self._bound = source_bindings.bound(connection) | self._bound
        source_bindings.check_binding(binding, self._bound.setdefault(binding.source, source_bindings.row(binding)))

    def _stage(self, changes: list[_Change]) -> None:
        current = self._live.of([change.partition for change in changes])
        for change in changes:
            self._work.append(self._pool.submit(self._compute_change, change, current[change.partition]))

    def _compute_change(self, change: _Change, current: list[DataFile]) -> Future[None] | None:
        """Write what a change makes of a partition; gives what forces it to disk, if it makes a file."""
        answer = change.answer
        outcome = merge(
            self._root, current, change.bars, change.ranges, replaces=answer.result in {"complete", "empty"}
        )
        change.seen = tuple(file.file_id for file in current)
        change.outcome = outcome
        change.staged = None
        if outcome.bars is None:
            return None
        covers = [*change.ranges]
        for file in outcome.retired:
            covers += data_file.read_footer(self._root, file.path)[1].covers
        provenance = Provenance(
            provider=answer.binding.provider,
            dataset=answer.binding.dataset,
            run_id=self.run_id,
            request=dict(answer.request),
            covers=tuple(normalise(covers)),
        )
        file = data_file.write(
            outcome.bars,
            change.partition,
            self.staging,
            day_tz=answer.day_tz,
            written_at_us=time.time_ns() // 1_000,
            provenance=provenance,
            is_durable=False,
            is_compressed=self._is_compressed,
        )
        staged = self.staging / Path(file.path).name
        change.staged = (staged, file)
        return self._syncers.submit(durable_io.fsync_file, staged)

    def _bind_sources(self, commit: Commit) -> None:
        bound = source_bindings.bound(commit.reader)
        for binding in {answer.binding for answer in self._answers}:
            source_bindings.check_binding(binding, bound.get(binding.source))
            if binding.source not in bound:
                bound[binding.source] = source_bindings.row(binding)
                commit.upsert("sources", [bound[binding.source]])

    def _apply_changes(self, commit: Commit) -> None:
        current = commit.active_files(self._changes)
        for partition, change in self._changes.items():
            if change.seen != tuple(file.file_id for file in current[partition]):
                _wait_for(self._compute_change(change, current[partition]))
            if change.outcome is None:
                continue
            commit.retire(change.outcome.retired)
            if change.staged:
                commit.add_file(*change.staged)
        self._record_revisions(commit)

    def _record_revisions(self, commit: Commit) -> None:
        tables = [
            _labelled(change.outcome.revisions, change.answer, self.run_id, commit.at)
            for change in self._changes.values()
            if change.outcome is not None and change.outcome.revisions is not None
        ]
        self._add_meta_table(commit, "revisions", tables)

    def _record_quarantine(self, commit: Commit) -> None:
        tables = [
            _labelled(answer.quarantined, answer, self.run_id, commit.at)
            for answer in self._answers
            if answer.quarantined is not None and answer.quarantined.num_rows
        ]
        self._add_meta_table(commit, "quarantine", tables)

    def _add_meta_table(self, commit: Commit, kind: str, tables: list[pa.Table]) -> None:
        import pyarrow as pa

        if tables:
            path = self.staging / f"{new_id()}.parquet"
            data_file.write_plain(pa.concat_tables(tables, promote_options="default"), path)
            commit.add_meta_file(path, kind)

    def _record_coverage(self, commit: Commit) -> None:
        rows = coverage_ledger.rows(self._answers, self.run_id, commit.at, self._freshness)
        commit.upsert("coverage_ledger", rows)

    def _count(self, answer: BarBatch) -> None:
        if answer.result != "quarantined":
            self.totals.tickers.add(answer.ticker)
        self.totals.rows += answer.bars.num_rows
        if answer.quarantined is not None:
            self.totals.quarantined_rows += answer.quarantined.num_rows


def _wait_for(synced: Future[None] | None) -> None:
    if synced is not None:
        synced.result()


def _changes_of(answer: BarBatch) -> Iterator[_Change]:
    """The partitions that an answer touches: by UTC year, or one for daily bars."""
    if answer.result in {"failed", "quarantined"}:
        return
    binding = answer.binding
    if is_daily(answer.schema):
        yield _Change(answer, Partition(answer.schema, binding.source, answer.ticker, None), answer.bars, answer.ranges)
        return
    for year, bars, ranges in by_year(answer.bars, answer.ranges):
        yield _Change(answer, Partition(answer.schema, binding.source, answer.ticker, year), bars, ranges)


def _labelled(table: pa.Table, answer: BarBatch, run_id: str, at: datetime) -> pa.Table:
    import pyarrow as pa

    labels = {
        "ticker": answer.ticker,
        "source": answer.binding.source,
        "schema": answer.schema,
        "run_id": run_id,
    }
    for name, value in labels.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
    return table.append_column("seen_at", pa.repeat(pa.scalar(at, pa.timestamp("us", tz="UTC")), table.num_rows))
