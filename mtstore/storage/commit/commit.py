"""One commit: take the write lock, collect changes against the current snapshot, make them durable and visible."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.ranges import TimeRange
from mtstore.storage import durable_io
from mtstore.storage.commit import commit_log, expire, failpoints, last_used, snapshots
from mtstore.storage.commit.calendar_sessions import calendar_records
from mtstore.storage.commit.commit_log import LogEntry, LogRecord
from mtstore.storage.commit.replay import removal_record
from mtstore.storage.commit.staging import staging_folder, write_intent
from mtstore.storage.files.active_files import active_files
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.layout import DEFAULT_GRACE, Layout, Partition
from mtstore.storage.reading.attach import attached, io_errors
from mtstore.storage.write_lock import DEFAULT_TIMEOUT_SECONDS, write_lock

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


class Commit:
    """Changes that become one snapshot; see `begin`.

    Attributes
    ----------
    base, snapshot
        The number of the snapshot that the commit builds on (0: none), and that of the new one.
    at
        The time of the commit, UTC.
    staging
        The folder for files that the commit adds.
    grace
        How long retired data files are kept.
    """

    def __init__(self, layout: Layout, base: int, store_id: str, staging: Path, grace: timedelta) -> None:
        self.layout = layout
        self.base = base
        self.snapshot = base + 1
        self.at = datetime.now(UTC)
        self._store_id = store_id
        self.staging = staging
        self.grace = grace
        self._records: list[LogRecord] = []
        self._retired: list[DataFile] = []
        self._added: list[DataFile] = []
        self._restored: list[DataFile] = []
        self._moves: list[tuple[Path, str]] = []
        self._entry: Path | None = None
        self._resources = ExitStack()
        self._reader: duckdb.DuckDBPyConnection | None = None

    @property
    def reader(self) -> duckdb.DuckDBPyConnection:
        """A connection to the snapshot that this commit builds on."""
        if self._reader is None:
            path = self.layout.catalog_file(self.base)
            self._reader = self._resources.enter_context(attached(path, read_only=True))
        return self._reader

    def upsert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows into a metadata table, in place of those with the same key."""
        self._records += commit_log.upserts(table, rows)

    def upsert_table(self, table: str, rows: pa.Table) -> None:
        """Do the same with many rows, which have different keys."""
        self._records.append(commit_log.upserted_columns(table, rows))

    def delete(self, table: str, keys: Iterable[Mapping[str, Any]]) -> None:
        """Delete rows of a metadata table by their key."""
        self._records += [LogRecord("delete", table, key) for key in keys]

    def remove_coverage(
        self, source: str, schema: str, ticker: str, ranges: Iterable[TimeRange], run_id: str | None = None
    ) -> None:
        """Remove ranges of a series from the coverage ledger, because its bars there are gone."""
        self._records.append(removal_record(source, schema, ticker, ranges, run_id))

    def add_file(self, file: DataFile) -> None:
        """Make a data file of the staging folder part of the store."""
        self._moves.append((self.staging / Path(file.path).name, file.path))
        self._added.append(file)

    def add_meta_file(self, staged: Path, kind: str) -> None:
        """Make a staged parquet file of quarantined rows or revisions part of the store."""
        path = f"meta/{kind}/{staged.name}"
        self._moves.append((staged, path))
        self.upsert("meta_files", [{"kind": kind, "path": path}])

    def retire(self, files: Iterable[DataFile]) -> None:
        """Remove active data files from the views; they are deleted after the grace period."""
        self._retired += files

    def restore(self, files: Iterable[DataFile]) -> None:
        """Make retired data files, which still exist, part of the views again."""
        self._restored += files

    def active_files(self, partitions: Iterable[Partition]) -> dict[Partition, list[DataFile]]:
        """Return the active data files of some partitions in the base snapshot."""
        return active_files(self.reader, partitions)

    def finish(self, *, even_if_empty: bool = False) -> int:
        """Commit, and return the number of the new snapshot; without changes, that of the base."""
        expired = expire.expired_files(self.reader, self.at - self.grace) if self.base else []
        restored = {file.file_id for file in self._restored}
        expired = [row for row in expired if row["file_id"] not in restored]
        used, use_files = last_used.read_last_used(self.layout, self.reader if self.base else None)
        self._resources.close()
        self._record_files(expired)
        if not self._records and not even_if_empty:
            return self.base
        # Not a reason to commit by itself: last uses wait for the next change.
        self.upsert("uses", used)
        try:
            built, self._entry = self._stage([row["path"] for row in expired])
            snapshots.commit(self.layout, self._entry, built, self.snapshot)
        except BaseException:
            self._finalise_files(expired)
            raise
        with snapshots.commit_errors(self.layout, self._entry, self.snapshot):
            # Files go only now, when neither the log nor the newest snapshot names them any more.
            for path in use_files:
                path.unlink(missing_ok=True)
            expire.delete_files(self.layout, expired)
            expire.delete_snapshots(self.layout, self.at - self.grace)
            failpoints.hit("pruned")
        return self.snapshot

    def _record_files(self, expired: list[dict[str, Any]]) -> None:
        # Records of a kind together: `replay_entry` runs one statement for each kind.
        self.delete("files", [{"file_id": file.file_id} for file in self._retired])
        self.upsert(
            "retired_files",
            [{"file_id": file.file_id, "path": file.path, "retired_at": self.at} for file in self._retired],
        )
        self.delete("retired_files", [{"file_id": file.file_id} for file in self._restored])
        self.upsert("files", [{"path": file.path} for file in (*self._restored, *self._added)])
        self.delete("retired_files", [{"file_id": row["file_id"]} for row in expired])

    def _stage(self, expired: list[str]) -> tuple[Path, Path]:
        """Do everything before the rename that is the commit; return the new database and its log entry."""
        self._move_into_place(expired)
        entry = LogEntry(self.snapshot, self._store_id, self.at, tuple(self._records))
        built, extra = snapshots.build_snapshot(
            self.layout,
            self.base,
            [entry],
            snapshots.file_lookup(self.layout.root, {file.path: file for file in (*self._restored, *self._added)}),
            self.staging,
            extend=lambda connection: calendar_records(connection, self.at),
        )
        entry = LogEntry(self.snapshot, self._store_id, self.at, (*self._records, *extra))
        return built, commit_log.write_entry(entry, self.staging)

    def _finalise_files(self, expired: list[dict[str, Any]]) -> None:
        """After an error, make the data files match the log; the next start completes the rest."""
        if self._entry is not None and not self._entry.exists():
            # The commit has happened: its log entry says that the expired files are gone.
            expire.delete_files(self.layout, expired)
            return
        for _, name in self._moves:
            (self.layout.root / name).unlink(missing_ok=True)

    def _move_into_place(self, expired: list[str]) -> None:
        if not self._moves and not expired:
            return
        # Durable before the first rename: after a crash, `sweep` deletes the listed files that were never committed.
        write_intent(self.staging, [*(target for _, target in self._moves), *expired])
        failpoints.hit("intent-written")
        touched: set[Path] = set()
        for staged, name in self._moves:
            target = self.layout.root / name
            touched.update(durable_io.make_folder(target.parent, self.layout.root))
            staged.rename(target)
            touched.add(target.parent)
        for folder in sorted(touched):
            durable_io.fsync_folder(folder)
        failpoints.hit("data-renamed")

    def close(self) -> None:
        """Release the base snapshot."""
        self._resources.close()


@contextmanager
def begin(
    layout: Layout,
    purpose: str,
    staging: Path | None = None,
    *,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    grace: timedelta = DEFAULT_GRACE,
) -> Iterator[Commit]:
    """Take the write lock, complete what a crash interrupted, and yield a commit; call its `finish` last.

    Without a `staging` folder, the commit gets one of its own.
    """
    staged = staging_folder(layout) if staging is None else nullcontext(staging)
    with staged as folder, write_lock(layout.lock, purpose, timeout_seconds):
        failpoints.hit("locked")
        newest = snapshots.recover(layout)
        commit = Commit(layout, newest.logged, newest.store_id or os.urandom(8).hex(), folder, grace)
        try:
            with io_errors(layout.catalog_file(commit.base)):
                yield commit
        finally:
            commit.close()
