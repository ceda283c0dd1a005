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
from mtstore.storage import durable_io as durable
from mtstore.storage.commit import commit_log as log
from mtstore.storage.commit import expire as prune
from mtstore.storage.commit import forget
from mtstore.storage.commit import last_used as uses
from mtstore.storage.commit import snapshots as catalog
from mtstore.storage.commit.calendar_sessions import calendar_records
from mtstore.storage.commit.failpoints import reached
from mtstore.storage.files.active_files import live_files
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
        self.generation = base + 1
        self.at = catalog.now()
        self._store_id = store_id
        self._staging = staging
        self._grace = grace
        self._records: list[log.Record] = []
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

    def put(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put rows into a metadata table."""
        self._records += log.puts(table, rows)

    def delete(self, table: str, keys: Iterable[Mapping[str, Any]]) -> None:
        """Delete rows of a metadata table by their key."""
        self._records += [log.Record("delete", table, key) for key in keys]

    def forget(self, source: str, schema: str, ticker: str, ranges: Iterable[TimeRange]) -> None:
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
        self.put("meta_files", [{"kind": kind, "path": path}])

    def retire(self, files: Iterable[DataFile]) -> None:
        """Take live data files out of the views; they are deleted once the grace period has passed."""
        self._retired += files

    def live_files(self, partitions: Iterable[Partition]) -> dict[Partition, list[DataFile]]:
        """The live data files of some partitions in the generation that this commit builds on."""
        return live_files(self.reader, partitions)

    def finish(self, *, even_if_empty: bool = False) -> int:
        """Do it; gives the new generation. Without changes nothing is done, and the base is given."""
        expired = prune.expired_files(self.reader, self.at - self._grace) if self.base else []
        used, use_files = uses.collect(self.layout, self.reader if self.base else None)
        self._resources.close()
        self._note_files(expired)
        if not self._records and not even_if_empty:
            return self.base
        self.put("uses", used)
        try:
            built = self._log_changes([row["path"] for row in expired])
            self._rename(built, self.layout.catalog_file(self.generation))
            reached("catalog-renamed")
            catalog.publish(self.layout, self.generation)
        except BaseException:
            self._settle_files(expired)
            raise
        for path in use_files:
            path.unlink(missing_ok=True)
        prune.delete_files(self.layout, expired)
        prune.delete_generations(self.layout, self.at - self._grace)
        reached("pruned")
        return self.generation

    def _note_files(self, expired: list[dict[str, Any]]) -> None:
        """The records of data files that come and go, those of a kind together: each kind is one statement."""
        self.delete("files", [{"file_id": file.file_id} for file in self._retired])
        self.put(
            "retired_files",
            [{"file_id": file.file_id, "path": file.path, "retired_at": self.at} for file in self._retired],
        )
        self.put("files", [{"path": file.path} for file in self._added])
        self.delete("retired_files", [{"file_id": row["file_id"]} for row in expired])

    def _log_changes(self, expired: list[str]) -> Path:
        """Everything up to the rename that is the commit; gives the database that goes with it."""
        self._move_into_place(expired)
        entry = log.Entry(self.generation, self._store_id, self.at, tuple(self._records))
        built, extra = catalog.build_generation(
            self.layout,
            self.base or None,
            [entry],
            catalog.describe_from({file.path: file for file in self._added}, self.layout.root),
            self._staging,
            extend=lambda connection: calendar_records(connection, self.at),
        )
        entry = log.Entry(self.generation, self._store_id, self.at, (*self._records, *extra))
        staged_log = self._staging / f"log-{self.generation:06d}.parquet"
        log.write_entry(entry, staged_log)
        self._rename(staged_log, self.layout.log_file(self.generation))
        reached("log-renamed")
        return built

    def _settle_files(self, expired: list[dict[str, Any]]) -> None:
        """After an error: make the data files those that the log knows; the next start does the rest.

        Before the entry in the log nothing has happened, and files that were renamed into place are taken back; after
        it the commit has happened, and expired files are gone.
        """
        if self.layout.log_file(self.generation).exists():
            prune.delete_files(self.layout, expired)
            return
        for _, name in self._moves:
            (self.layout.root / name).unlink(missing_ok=True)

    def _move_into_place(self, expired: list[str]) -> None:
        if not self._moves and not expired:
            return
        catalog.write_intent(self._staging, [*(target for _, target in self._moves), *expired])
        reached("intent-written")
        touched: set[Path] = set()
        for staged, name in self._moves:
            target = self.layout.root / name
            touched.update(durable.make_folder(target.parent, self.layout.root))
            staged.rename(target)
            touched.add(target.parent)
        for folder in sorted(touched):
            durable.fsync_folder(folder)
        reached("data-renamed")

    def _rename(self, source: Path, target: Path) -> None:
        if target.exists():
            raise CommitError(f"{target} exists already: another writer ignored the write lock; nothing was changed")
        source.rename(target)
        durable.fsync_folder(target.parent)

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
        reached("locked")
        catalog.recover(layout)
        logged = layout.generations(layout.log)
        base = logged[-1] if logged else 0
        store_id = log.read_entry(layout.log_file(base)).store_id if base else os.urandom(8).hex()
        commit = Commit(layout, base, store_id, staging, grace)
        try:
            yield commit
        finally:
            commit.close()
