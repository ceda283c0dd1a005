"""One commit: the write lock, the current state to decide by, the changes, and the steps that make them public."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.errors import CommitError
from mtstore.ranges import TimeRange
from mtstore.storage import durable_io
from mtstore.storage.commit import commit_log as log
from mtstore.storage.commit import expire, failpoints, forget, last_used, snapshots
from mtstore.storage.commit.calendar_sessions import calendar_records
from mtstore.storage.files.active_files import active_files
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.layout import DEFAULT_GRACE, Layout, Partition
from mtstore.storage.reading.attach import attached
from mtstore.storage.write_lock import DEFAULT_TIMEOUT_SECONDS, write_lock

if TYPE_CHECKING:
    import duckdb


class Commit:
    """Changes that become one generation. Made by `begin`, under the write lock."""

    def __init__(self, layout: Layout, base: int, store_id: str, staging: Path, grace: timedelta) -> None:
        self.layout = layout
        self.base = base
        self.snapshot = base + 1
        self.at = snapshots.now()
        self._store_id = store_id
        self._staging = staging
        self._grace = grace
        self._records: list[log.LogRecord] = []
        self._retired: list[DataFile] = []
        self._added: list[DataFile] = []
        self._moves: list[tuple[Path, str]] = []
        self._resources = ExitStack()
        self._reader: duckdb.DuckDBPyConnection | None = None

    @property
    def reader(self) -> duckdb.DuckDBPyConnection:
        """A connection to the generation that this commit builds on."""
        if self._reader is None:
            path = self.layout.catalog_file(self.base)
            self._reader = self._resources.enter_context(attached(path, read_only=True))
        return self._reader

    def upsert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put rows into a metadata table."""
        self._records += log.upserts(table, rows)

    def delete(self, table: str, keys: Iterable[Mapping[str, Any]]) -> None:
        """Delete rows of a metadata table by their key."""
        self._records += [log.LogRecord("delete", table, key) for key in keys]

    def remove_coverage(self, source: str, schema: str, ticker: str, ranges: Iterable[TimeRange]) -> None:
        """Take ranges of a series out of the coverage ledger, because its bars there are gone."""
        self._records.append(forget.record(source, schema, ticker, ranges))

    def add_file(self, staged: Path, file: DataFile) -> None:
        """Make a staged data file part of the store."""
        self._moves.append((staged, file.path))
        self._added.append(file)

    def add_meta_file(self, staged: Path, kind: str) -> None:
        """Make a staged parquet file of quarantined rows or revisions part of the store."""
        path = f"meta/{kind}/{staged.name}"
        self._moves.append((staged, path))
        self.upsert("meta_files", [{"kind": kind, "path": path}])

    def retire(self, files: Iterable[DataFile]) -> None:
        """Take live data files out of the views; they are deleted once the grace period has passed."""
        self._retired += files

    def active_files(self, partitions: Iterable[Partition]) -> dict[Partition, list[DataFile]]:
        """The live data files of some partitions in the generation that this commit builds on."""
        return active_files(self.reader, partitions)

    def finish(self, *, even_if_empty: bool = False) -> int:
        """Do it; gives the new generation. Without changes nothing is done, and the base is given."""
        expired = expire.expired_files(self.reader, self.at - self._grace) if self.base else []
        used, use_files = last_used.read_last_used(self.layout, self.reader if self.base else None)
        self._resources.close()
        self._record_files(expired)
        if not self._records and not even_if_empty:
            return self.base
        self.upsert("uses", used)
        try:
            built = self._log_changes([row["path"] for row in expired])
            self._rename(built, self.layout.catalog_file(self.snapshot))
            failpoints.hit("catalog-renamed")
            snapshots.publish(self.layout, self.snapshot)
        except BaseException:
            self._finalise_files(expired)
            raise
        for path in use_files:
            path.unlink(missing_ok=True)
        expire.delete_files(self.layout, expired)
        expire.delete_snapshots(self.layout, self.at - self._grace)
        failpoints.hit("pruned")
        return self.snapshot

    def _record_files(self, expired: list[dict[str, Any]]) -> None:
        """The records of data files that come and go, those of a kind together: each kind is one statement."""
        self.delete("files", [{"file_id": file.file_id} for file in self._retired])
        self.upsert(
            "retired_files",
            [{"file_id": file.file_id, "path": file.path, "retired_at": self.at} for file in self._retired],
        )
        self.upsert("files", [{"path": file.path} for file in self._added])
        self.delete("retired_files", [{"file_id": row["file_id"]} for row in expired])

    def _log_changes(self, expired: list[str]) -> Path:
        """Everything up to the rename that is the commit; gives the database that goes with it."""
        self._move_into_place(expired)
        entry = log.LogEntry(self.snapshot, self._store_id, self.at, tuple(self._records))
        built, extra = snapshots.build_snapshot(
            self.layout,
            self.base or None,
            [entry],
            snapshots.file_lookup({file.path: file for file in self._added}, self.layout.root),
            self._staging,
            extend=lambda connection: calendar_records(connection, self.at),
        )
        entry = log.LogEntry(self.snapshot, self._store_id, self.at, (*self._records, *extra))
        staged_log = self._staging / f"log-{self.snapshot:06d}.parquet"
        log.write_entry(entry, staged_log)
        self._rename(staged_log, self.layout.log_file(self.snapshot))
        failpoints.hit("log-renamed")
        return built

    def _finalise_files(self, expired: list[dict[str, Any]]) -> None:
        """After an error: make the data files those that the log knows; the next start does the rest.

        Before the entry in the log nothing has happened, and files that were renamed into place are taken back; after
        it the commit has happened, and expired files are gone.
        """
        if self.layout.log_file(self.snapshot).exists():
            expire.delete_files(self.layout, expired)
            return
        for _, name in self._moves:
            (self.layout.root / name).unlink(missing_ok=True)

    def _move_into_place(self, expired: list[str]) -> None:
        if not self._moves and not expired:
            return
        snapshots.write_intent(self._staging, [*(target for _, target in self._moves), *expired])
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

    def _rename(self, source: Path, target: Path) -> None:
        if target.exists():
            raise CommitError(f"{target} exists already: another writer ignored the write lock; nothing was changed")
        source.rename(target)
        durable_io.fsync_folder(target.parent)

    def close(self) -> None:
        """Let go of the base generation."""
        self._resources.close()


@contextmanager
def begin(
    layout: Layout,
    purpose: str,
    staging: Path,
    *,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    grace: timedelta = DEFAULT_GRACE,
) -> Iterator[Commit]:
    """Take the write lock, finish what a dead writer left, start a commit; the block ends with `commit.finish()`."""
    with write_lock(layout.lock, purpose, timeout_seconds):
        failpoints.hit("locked")
        snapshots.recover(layout)
        logged = layout.snapshots(layout.log)
        base = logged[-1] if logged else 0
        store_id = log.read_entry(layout.log_file(base)).store_id if base else os.urandom(8).hex()
        commit = Commit(layout, base, store_id, staging, grace)
        try:
            yield commit
        finally:
            commit.close()
