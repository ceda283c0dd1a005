"""Snapshots of the database file: build, check, publish and recover them.

A commit, under the write lock:

1. write an intent that lists the new data files, and rename these into `data/`;
2. copy the newest private snapshot, replay the records in the copy, and update its views and macros;
3. checkpoint and detach the copy, reopen it read-only, and check it;
4. rename the log entry into `meta/log/`: this is the commit;
5. rename the copy to `catalog/<snapshot>.duckdb`, copy it to `public/`, and point `market.duckdb` at it.

The next writer completes a commit that a crash interrupted (`recover`). A snapshot's number is stored as `generation`
in its tables and in the log.
"""

from __future__ import annotations

import filecmp
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import CommitError, StoreError
from mtstore.storage import durable_io
from mtstore.storage.commit import commit_log, failpoints, replay, staging
from mtstore.storage.commit.agreement import Newest, check_agreement, logged_entries
from mtstore.storage.commit.commit_log import LogEntry, LogRecord
from mtstore.storage.commit.replay import FileLookup
from mtstore.storage.files.data_file import DataFile, read_footer
from mtstore.storage.layout import Layout, new_id
from mtstore.storage.reading.attach import attached
from mtstore.storage.reading.read_errors import unreadable_file

if TYPE_CHECKING:
    import duckdb

    Extend = Callable[[duckdb.DuckDBPyConnection], list[LogRecord]]


def build_snapshot(
    layout: Layout,
    base: int,
    entries: list[LogEntry],
    lookup: FileLookup,
    workspace: Path,
    *,
    extend: Extend | None = None,
) -> tuple[Path, list[LogRecord]]:
    """Build the database of the last of `entries` in `workspace`, on top of snapshot `base` (0: from nothing).

    `extend` sees the result and may return more records (the calendar of a new ticker). They are applied as part of the
    last entry, and returned with the path.
    """
    path = workspace / f"{new_id()}.duckdb"
    if base:
        path.write_bytes(layout.catalog_file(base).read_bytes())
    failpoints.hit("catalog-copied")
    with _commit_errors(path), attached(path, read_only=False) as connection:
        connection.begin()
        if base:
            replay.add_later_tables(connection)
        else:
            replay.create_tables(connection)
        changed = {record.table for entry in entries for record in entry.records} if base else None
        extra = _apply(connection, layout, entries, lookup, changed=changed, extend=extend)
        connection.commit()
        expected = connection.execute(sqlfiles.load("commit.count_files")).fetchone()
    failpoints.hit("catalog-changed")
    _check(path, entries[-1].snapshot, expected)
    durable_io.make_read_only(path)
    durable_io.fsync_file(path)
    failpoints.hit("catalog-verified")
    return path, extra


def _apply(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    entries: Sequence[LogEntry],
    lookup: FileLookup,
    *,
    changed: set[str] | None = None,
    extend: Extend | None = None,
    view_files: Mapping[str, Any] | None = None,
) -> list[LogRecord]:
    """Replay `entries` in the current database, and update what is derived from its tables."""
    from mtstore.infer_calendar import infer_calendar
    from mtstore.storage.views.create_views import create_views

    for entry in entries:
        replay.replay_entry(connection, entry, lookup)
    replay.refresh_ticker_list(connection, infer_calendar)
    extra = extend(connection) if extend else []
    if extra:
        replay.replay_entry(connection, replace(entries[-1], records=tuple(extra)), lookup)
    replay.refresh_session_days(connection, None if changed is None else changed | {record.table for record in extra})
    _set_store_info(connection, layout, entries[-1])
    create_views(connection, layout.root, **(view_files or {}))
    return extra


@contextmanager
def _commit_errors(path: Path) -> Iterator[None]:
    """Raise DuckDB's errors (a full disk, an unreadable data file) as CommitError."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        reason = unreadable_file(error) or error
        raise CommitError(f"{path}: the new snapshot could not be built; nothing was changed: {reason}") from error


@contextmanager
def replayed(
    layout: Layout, entries: list[LogEntry], lookup: FileLookup, *, without_files: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Replay the log into a temporary database, and connect to it read-only.

    It equals the snapshot of the last of `entries`. `without_files` leaves the views over parquet empty, for damaged
    files.
    """
    no_files: dict[str, Any] = {"data_files": {}, "quarantine_files": (), "revision_files": ()}
    with _workspace(layout) as folder:
        path = folder / "folded.duckdb"
        with attached(path, read_only=False) as connection:
            connection.begin()
            replay.create_tables(connection)
            _apply(
                connection,
                layout,
                without_removed_files(entries),
                lookup,
                view_files=no_files if without_files else None,
            )
            connection.commit()
        with attached(path, read_only=True) as connection:
            yield connection


@contextmanager
def _workspace(layout: Layout) -> Iterator[Path]:
    with ExitStack() as held:
        try:
            folder = held.enter_context(staging.staging_folder(layout))
        except OSError:  # the user may only read the store
            folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="mtstore-replay-")))
        yield folder


def _set_store_info(connection: duckdb.DuckDBPyConnection, layout: Layout, last: LogEntry) -> None:
    values = {
        "format_version": commit_log.FORMAT_VERSION,
        "store_id": last.store_id,
        "root": str(layout.root),
        "generation": last.snapshot,
        "committed_at": last.committed_at,
    }
    connection.execute(sqlfiles.load("snapshot.set_store_info"), values)


def _check(path: Path, snapshot: int, expected: Any) -> None:
    # A checkpoint that failed silently would leave changes beside the file, where its copies do not have them.
    wal = path.with_name(f"{path.name}.wal")
    if wal.exists():
        raise CommitError(f"{path}: changes stayed in the write-ahead log {wal.name}; nothing was committed")
    with attached(path, read_only=True) as connection:
        found = connection.execute(sqlfiles.load("commit.count_files")).fetchone()
        info = fetch_rows(connection, sqlfiles.load("snapshot.store_info"))
    if found != expected or len(info) != 1 or info[0]["generation"] != snapshot:
        raise CommitError(f"{path}: reopened, it shows {found} and {info}, not {expected} and snapshot {snapshot}")


def commit(layout: Layout, entry: Path, database: Path, snapshot: int) -> None:
    """Rename a staged log entry into place, which is the commit, then its database file, and publish that.

    Raises
    ------
    CommitError
        One of the names is taken; nothing was changed. StoreError: as in `commit_errors`.
    """
    for taken in (layout.log_file(snapshot), layout.catalog_file(snapshot)):
        if os.path.lexists(taken):
            raise CommitError(f"{taken} exists already: another writer ignored the write lock; nothing was changed")
    with commit_errors(layout, entry, snapshot):
        entry.rename(layout.log_file(snapshot))
        durable_io.fsync_folder(layout.log)
        failpoints.hit("log-renamed")
        database.rename(layout.catalog_file(snapshot))
        durable_io.fsync_folder(layout.catalog)
        failpoints.hit("catalog-renamed")
        publish(layout, snapshot)


@contextmanager
def commit_errors(layout: Layout, entry: Path, snapshot: int) -> Iterator[None]:
    """Raise errors after the rename of the staged log entry, which is the commit, as StoreError that says so."""
    try:
        yield
    except Exception as error:
        if os.path.lexists(entry):
            raise
        raise StoreError(
            f"{layout.log_file(snapshot)}: the changes are committed as snapshot {snapshot}, but its files are not "
            f"complete ({type(error).__name__}: {error}); the next open of the store completes them"
        ) from error


def publish(layout: Layout, snapshot: int) -> None:
    """Copy a snapshot to a read-only public file, and point the symlink `market.duckdb` at it."""
    source, target = layout.catalog_file(snapshot), layout.public_file(snapshot)
    # In a copied or restored store the number may name another store's file.
    if not (target.exists() and filecmp.cmp(source, target, shallow=False)):
        building = layout.public / f"building-{new_id()}"
        building.mkdir()
        durable_io.copy_read_only(source, building / target.name)
        durable_io.fsync_folder(building)
        failpoints.hit("public-copied")
        if target.parent.exists():
            (building / target.name).replace(target)
            building.rmdir()
            durable_io.fsync_folder(target.parent)
        else:
            building.rename(target.parent)
        durable_io.fsync_folder(layout.public)
    failpoints.hit("public-renamed")
    # DuckDB before 1.5 names the write-ahead log after the link: what a read-write client left there would be replayed
    # into the new snapshot by the next reader of that version.
    foreign_log = layout.public_link.with_name(f"{layout.public_link.name}.wal")
    foreign_log.unlink(missing_ok=True)
    durable_io.replace_symlink(layout.public_link, target, layout.root / f"link-{new_id()}")
    foreign_log.unlink(missing_ok=True)
    failpoints.hit("link-swapped")


def needs_recovery(layout: Layout) -> bool:
    """Return whether a crash left an uncommitted, unpublished or unfinished state."""
    newest = layout.newest_snapshot()
    logged = max(layout.snapshots(layout.log), default=0)
    is_behind = newest != logged or newest != (layout.published_snapshot() or 0)
    return is_behind or staging.has_leftovers(layout)


def recover(layout: Layout) -> Newest:
    """Complete the commit that a crash interrupted, and delete what was never committed.

    The caller holds the write lock. Errors are those of `check_agreement`, after which nothing was changed.
    """
    newest = check_agreement(layout)
    if newest.logged:
        if newest.built < newest.logged:
            finish_commit(layout, newest.built)
        if layout.published_snapshot() != newest.logged:
            publish(layout, newest.logged)
        staging.sweep(layout)
    return newest


def finish_commit(layout: Layout, base: int) -> None:
    """Build the newest logged snapshot on top of `base` (0: from the whole log)."""
    entries = without_removed_files(logged_entries(layout, after=base))
    path, _ = build_snapshot(layout, base, entries, file_lookup(layout.root), layout.tmp)
    path.rename(layout.catalog_file(entries[-1].snapshot))
    durable_io.fsync_folder(layout.catalog)


def rebuild(layout: Layout, workspace: Path, records: Sequence[LogRecord] = ()) -> int:
    """Build a new snapshot from the whole log, `records`, and the footers of the data files; return its number.

    The caller holds the write lock.
    """
    number = check_agreement(layout).logged + 1
    entries = logged_entries(layout, after=0)
    last = LogEntry(number, entries[-1].store_id, datetime.now(UTC), tuple(records))
    entries = without_removed_files([*entries, last])
    path, _ = build_snapshot(layout, 0, entries, file_lookup(layout.root), workspace)
    entry = commit_log.write_entry(last, workspace)
    commit(layout, entry, path, number)
    with commit_errors(layout, entry, number):
        staging.sweep(layout)
    return number


def without_removed_files(entries: list[LogEntry]) -> list[LogEntry]:
    """Drop the records of data files that are added and at last removed within `entries`: their footers may be gone."""
    removed: set[str] = set()
    for record in (record for entry in entries for record in entry.records if record.table == "files"):
        if record.op == "delete":
            removed.add(record.row["file_id"])
        else:
            removed.discard(Path(record.row["path"]).stem)

    def is_kept(record: LogRecord) -> bool:
        is_added_file = record.op == "put" and record.table == "files"
        return not (is_added_file and Path(record.row["path"]).stem in removed)

    return [replace(entry, records=tuple(filter(is_kept, entry.records))) for entry in entries]


def file_lookup(root: Path, files: Mapping[str, DataFile] | None = None) -> FileLookup:
    """Return a lookup of data files by path: in `files`, else in their footers."""
    known = files or {}
    return lambda path: known[path] if path in known else read_footer(root, path)[0]
