"""The writer: takes batches of bars, stages data files in parallel, and commits them in groups.

A commit costs what its view definitions cost, so batches are gathered for some seconds or some thousand partitions.
What a batch changes in a partition is computed before the lock is taken. If another process changed the partition
meanwhile, it is computed again under the lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
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
from mtstore.storage.files.day_zone import in_day_zone
from mtstore.storage.files.merge_partition import MergeResult, merge, split_by_year
from mtstore.storage.layout import Partition, encode_ticker, new_id

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

COMMIT_EVERY_SECONDS = 5.0
COMMIT_EVERY_PARTITIONS = 2_000
COMMIT_EVERY_ROWS = 5_000_000  # added bars are held in memory until the commit
_WORKERS = 2
_SYNCERS = 8  # they wait for the disk, which syncs many files at once about as fast as one

BeginCommit = Callable[[str, Path], AbstractContextManager[Commit]]
Read = Callable[[], AbstractContextManager["duckdb.DuckDBPyConnection"]]


@dataclass(slots=True)
class _Change:
    """The part of a batch that belongs to one partition, and its outcome."""

    batch: BarBatch
    partition: Partition
    bars: pa.Table
    ranges: tuple[TimeRange, ...]
    seen: tuple[str, ...] = ()
    outcome: MergeResult | None = None
    staged: DataFile | None = None


@dataclass(slots=True)
class WriteTotals:
    """What a run has added so far; `files` and `commits` count what is committed."""

    tickers: set[str] = field(default_factory=set)
    files: int = 0
    rows: int = 0
    quarantined_rows: int = 0
    commits: int = 0


class Writer:
    """Adds batches to the store; see `Repository.writer`."""

    def __init__(
        self,
        root: Path,
        staging: Path,
        begin: BeginCommit,
        reader: Read,
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
        self._batches: list[BarBatch] = []
        self._later: list[Callable[[Commit], None]] = []
        self._bound: dict[str, dict[str, Any]] = {}
        self._gathered_rows = 0
        self._work: list[Future[Future[None] | None]] = []
        self._active = ActiveFiles(reader)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="mtstore-write")
        self._syncers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="mtstore-sync")
        self._gathering_since = time.monotonic()

    def add(self, batch: BarBatch) -> None:
        """Add a batch; it is visible after the next commit.

        Raises
        ------
        SourceMismatchError
            The source's name is bound to another vendor or dataset.
        TickerError
            The name is not valid for a ticker.
        """
        if batch.result != "quarantined":  # quarantined rows keep even an invalid name
            encode_ticker(batch.ticker)
        self._check_source(batch.binding)
        changes = list(_changes_of(batch))
        # A second change of a partition must see the first one, so that is committed before.
        if any(change.partition in self._changes for change in changes):
            self.commit()
        if changes and is_daily(batch.schema):
            batch = self._in_stored_day_zone(batch)
            changes = list(_changes_of(batch))
        self._batches.append(batch)
        self._count(batch)
        if not self._changes:
            self._gathering_since = time.monotonic()
        for change in changes:
            self._changes[change.partition] = change
        if changes:
            self._stage(changes)
        self._gathered_rows += batch.bars.num_rows
        is_due = time.monotonic() - self._gathering_since > COMMIT_EVERY_SECONDS
        is_full = len(self._changes) >= COMMIT_EVERY_PARTITIONS or self._gathered_rows >= COMMIT_EVERY_ROWS
        if is_due or is_full:
            self.commit()

    def record(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a metadata row (a run, an input, a split) to the next commit."""
        self.later(lambda commit: commit.upsert(table, [row]))

    def forget(self, table: str, key: Mapping[str, Any]) -> None:
        """Delete the metadata rows with a key in the next commit."""
        self.later(lambda commit: commit.delete(table, [key]))

    def later(self, change: Callable[[Commit], None]) -> None:
        """Change the next commit, after its bars and coverage."""
        self._later.append(change)

    @property
    def has_uncommitted(self) -> bool:
        """Whether a commit would write anything."""
        return bool(self._batches or self._later)

    def commit(self) -> int | None:
        """Commit everything that was added; return the snapshot's number, or None if there was nothing."""
        # All staged files are on disk before the lock is taken.
        for work in self._work:
            if (sync := work.result()) is not None:
                sync.result()
        self._work.clear()
        failpoints.hit("staged")
        self._gathering_since = time.monotonic()
        self._gathered_rows = 0
        if not self.has_uncommitted:
            return None
        with self._begin(self._purpose, self.staging) as commit:
            self._bind_sources(commit)
            self._apply_changes(commit)
            rows = coverage_ledger.rows(self._batches, self.run_id, commit.at, self._freshness)
            commit.upsert("coverage_ledger", rows)
            self._record_quarantine(commit)
            for change in self._later:
                change(commit)
            snapshot = commit.finish()
        self._active.reset()
        self.totals.files += sum(1 for change in self._changes.values() if change.staged)
        self._changes.clear()
        self._batches.clear()
        self._later.clear()
        self.totals.commits += 1
        return snapshot

    def close(self) -> None:
        """Commit the rest, and end the worker threads."""
        try:
            self.commit()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the worker threads, and drop what was not committed."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._syncers.shutdown(wait=True, cancel_futures=True)

    def _in_stored_day_zone(self, batch: BarBatch) -> BarBatch:
        partition = Partition(batch.schema, batch.binding.source, batch.ticker, None)
        stored = self._active.of([partition])[partition]
        return in_day_zone(batch, stored[-1].day_tz) if stored else batch

    def _check_source(self, binding: SourceBinding) -> None:
        if binding.source not in self._bound:
            with self._reader() as connection:
                self._bound = source_bindings.bound(connection) | self._bound
        source_bindings.check_binding(binding, self._bound.setdefault(binding.source, source_bindings.row(binding)))

    def _stage(self, changes: list[_Change]) -> None:
        current = self._active.of([change.partition for change in changes])
        for change in changes:
            self._work.append(self._pool.submit(self._compute_change, change, current[change.partition]))

    def _compute_change(self, change: _Change, current: list[DataFile]) -> Future[None] | None:
        """Merge a change into its partition; return the sync of the staged file, if there is one."""
        batch = change.batch
        replaces = batch.withdraws and batch.result in {"complete", "empty"}
        outcome = merge(self._root, current, change.bars, change.ranges, replaces=replaces)
        change.seen = tuple(file.file_id for file in current)
        change.outcome = outcome
        change.staged = None
        if outcome.bars is None:
            return None
        retired = [data_file.read_footer(self._root, file.path)[1] for file in outcome.retired]
        covers = [*change.ranges, *(one for footer in retired for one in footer.covers)]
        provenance = Provenance(
            provider=batch.binding.provider,
            dataset=batch.binding.dataset,
            run_id=self.run_id,
            request=dict(batch.request),
            covers=tuple(normalise(covers)),
        )
        change.staged = data_file.write(
            outcome.bars,
            change.partition,
            self.staging,
            day_tz=batch.day_tz,
            written_at_us=time.time_ns() // 1_000,
            provenance=provenance,
            is_durable=False,
            is_compressed=self._is_compressed,
        )
        return self._syncers.submit(durable_io.fsync_file, self.staging / Path(change.staged.path).name)

    def _bind_sources(self, commit: Commit) -> None:
        bound = source_bindings.bound(commit.reader)
        for binding in {batch.binding for batch in self._batches}:
            source_bindings.check_binding(binding, bound.get(binding.source))
            if binding.source not in bound:
                bound[binding.source] = source_bindings.row(binding)
                commit.upsert("sources", [bound[binding.source]])

    def _apply_changes(self, commit: Commit) -> None:
        current = commit.active_files(self._changes)
        for partition, change in self._changes.items():
            # Another process changed the partition since it was staged: compute the change again, under the lock.
            if change.seen != tuple(file.file_id for file in current[partition]):
                sync = self._compute_change(change, current[partition])
                if sync is not None:
                    sync.result()
            if change.outcome is None:
                continue
            commit.retire(change.outcome.retired)
            if change.staged:
                commit.add_file(change.staged)
        self._record_revisions(commit)

    def _record_revisions(self, commit: Commit) -> None:
        tables = [
            _with_labels(change.outcome.revisions, change.batch, self.run_id, commit.at)
            for change in self._changes.values()
            if change.outcome is not None and change.outcome.revisions is not None
        ]
        self._add_meta_table(commit, "revisions", tables)

    def _record_quarantine(self, commit: Commit) -> None:
        tables = [
            _with_labels(batch.quarantined, batch, self.run_id, commit.at)
            for batch in self._batches
            if batch.quarantined is not None and batch.quarantined.num_rows
        ]
        self._add_meta_table(commit, "quarantine", tables)

    def _add_meta_table(self, commit: Commit, kind: str, tables: list[pa.Table]) -> None:
        import pyarrow as pa

        if tables:
            path = self.staging / f"{new_id()}.parquet"
            data_file.write_table(pa.concat_tables(tables, promote_options="default"), path)
            commit.add_meta_file(path, kind)

    def _count(self, batch: BarBatch) -> None:
        if batch.result != "quarantined":
            self.totals.tickers.add(batch.ticker)
        self.totals.rows += batch.bars.num_rows
        if batch.quarantined is not None:
            self.totals.quarantined_rows += batch.quarantined.num_rows


def _changes_of(batch: BarBatch) -> Iterator[_Change]:
    """Split a batch into partitions: one per UTC year, or a single one for daily bars."""
    if batch.result in {"failed", "quarantined"}:
        return
    whole = [(None, batch.bars, batch.ranges)]
    for year, bars, ranges in whole if is_daily(batch.schema) else split_by_year(batch.bars, batch.ranges):
        yield _Change(batch, Partition(batch.schema, batch.binding.source, batch.ticker, year), bars, ranges)


def _with_labels(table: pa.Table, batch: BarBatch, run_id: str, at: datetime) -> pa.Table:
    import pyarrow as pa

    labels = {
        "ticker": batch.ticker,
        "source": batch.binding.source,
        "schema": batch.schema,
        "run_id": run_id,
    }
    for name, value in labels.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
    return table.append_column("seen_at", pa.repeat(pa.scalar(at, pa.timestamp("us", tz="UTC")), table.num_rows))
