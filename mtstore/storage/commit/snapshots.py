"""Generations of the database file: built in private, checked, renamed into place, and published as read-only copies.

A commit, under the write lock:

1. data files are renamed into `data/`, after an intent that names them was written;
2. the newest private generation is copied, the records are folded into the copy, views and macros made anew;
3. the copy is checkpointed, detached, reopened read-only and checked;
4. the log entry is renamed into `meta/log/`: this is the commit;
5. the copy is renamed to `catalog/<generation>.duckdb`, copied to `public/`, and `market.duckdb` points at it.

Whoever takes the lock next finishes steps that a dead process could not (`recover`).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import CommitError, StoreError
from mtstore.storage import durable_io
from mtstore.storage.commit import commit_log as log
from mtstore.storage.commit import failpoints, replay, staging
from mtstore.storage.files.data_file import DataFile, read_footer
from mtstore.storage.layout import Layout, new_id
from mtstore.storage.reading.attach import attached
from mtstore.storage.reading.read_errors import data_file_named_in, why_unreadable

if TYPE_CHECKING:
    import duckdb


def build_snapshot(
    layout: Layout,
    base: int | None,
    entries: list[log.LogEntry],
    describe: replay.Describe,
    workspace: Path,
    *,
    extend: Callable[[duckdb.DuckDBPyConnection], list[log.LogRecord]] | None = None,
) -> tuple[Path, list[log.LogRecord]]:
    """Build the database of the last of `entries` in `workspace`, on top of generation `base` (None: from nothing).

    `extend` may look at the result and ask for more records (calendars that a new ticker needs); they belong to the
    last entry and are given back.
    """
    from mtstore.calendars import infer_calendar
    from mtstore.storage.views.create_views import create_views

    path = workspace / f"{new_id()}.duckdb"
    if base is not None:
        path.write_bytes(layout.catalog_file(base).read_bytes())
    failpoints.hit("catalog-copied")
    last = entries[-1]
    with _building(path), attached(path, read_only=False) as connection:
        connection.begin()
        if base is None:
            replay.create_tables(connection)
        else:
            replay.add_later_tables(connection)
        for entry in entries:
            replay.replay_entry(connection, entry, describe)
        changed = None if base is None else {record.table for entry in entries for record in entry.records}
        replay.refresh_derived_tables(connection, infer_calendar, changed)
        extra = extend(connection) if extend else []
        if extra:
            more = log.LogEntry(last.generation, last.store_id, last.committed_at, tuple(extra))
            replay.replay_entry(connection, more, describe)
            replay.refresh_derived_tables(connection, infer_calendar, {record.table for record in extra})
        set_store_info(connection, layout, last)
        create_views(connection, layout.root)
        connection.commit()
        expected = connection.execute(sqlfiles.load("commit.count_files")).fetchone()
    failpoints.hit("catalog-changed")
    _check(path, last.generation, expected)
    durable_io.make_read_only(path)
    durable_io.fsync_file(path)
    failpoints.hit("catalog-verified")
    return path, extra


@contextmanager
def _building(path: Path) -> Iterator[None]:
    """DuckDB's refusal to write a generation (a full disk, a device's error) as an error of ours."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        unread = data_file_named_in(str(error))
        reason = error if unread is None else why_unreadable(unread, error)
        raise CommitError(f"{path}: the new generation could not be made; nothing was changed: {reason}") from error


@contextmanager
def _workplace(layout: Layout) -> Iterator[Path]:
    """A folder for passing files: in the store, or in the system's, for who may only read the store."""
    with ExitStack() as held:
        try:
            folder = held.enter_context(staging.staging_folder(layout))
        except OSError:
            folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="mtstore-fold-")))
        yield folder


@contextmanager
def folded(
    layout: Layout, entries: list[log.LogEntry], describe: replay.Describe, *, without_files: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """What the log says, folded into a database of its own, which is the connection's current one, read-only.

    It equals the generation of the last of `entries`; `without_files` leaves its views over parquet empty, for when
    that is damaged.
    """
    from mtstore.calendars import infer_calendar
    from mtstore.storage.views.create_views import create_views

    files: dict[str, Any] = {"data_files": {}, "quarantine_files": (), "revision_files": ()} if without_files else {}
    with _workplace(layout) as folder:
        path = folder / "folded.duckdb"
        with attached(path, read_only=False) as connection:
            connection.begin()
            replay.create_tables(connection)
            for entry in without_removed_files(entries):
                replay.replay_entry(connection, entry, describe)
            replay.refresh_derived_tables(connection, infer_calendar)
            set_store_info(connection, layout, entries[-1])
            create_views(connection, layout.root, **files)
            connection.commit()
        with attached(path, read_only=True) as connection:
            yield connection


def set_store_info(connection: duckdb.DuckDBPyConnection, layout: Layout, last: log.LogEntry) -> None:
    """Write down which commit the current database shows."""
    connection.execute(
        sqlfiles.load("snapshot.set_store_info"),
        {
            "format_version": log.FORMAT_VERSION,
            "store_id": last.store_id,
            "root": str(layout.root),
            "generation": last.generation,
            "committed_at": last.committed_at,
        },
    )


def _check(path: Path, generation: int, expected: Any) -> None:
    wal = path.with_name(f"{path.name}.wal")
    if wal.exists():
        raise CommitError(f"{path}: changes stayed in the write-ahead log {wal.name}; nothing was committed")
    with attached(path, read_only=True) as connection:
        found = connection.execute(sqlfiles.load("commit.count_files")).fetchone()
        info = fetch_rows(connection, sqlfiles.load("snapshot.store_info"))
    if found != expected or len(info) != 1 or info[0]["generation"] != generation:
        raise CommitError(f"{path}: reopened, it shows {found} and {info}, not {expected} and generation {generation}")


def publish(layout: Layout, generation: int) -> None:
    """Make a generation the public one: a read-only copy in a folder of its own, and the symlink swapped to it."""
    target = layout.public_file(generation)
    if not target.exists():
        building = layout.public / f"building-{new_id()}"
        building.mkdir()
        durable_io.copy_read_only(layout.catalog_file(generation), building / target.name)
        durable_io.fsync_folder(building)
        failpoints.hit("public-copied")
        building.rename(target.parent)
        durable_io.fsync_folder(layout.public)
    failpoints.hit("public-renamed")
    # DuckDB before 1.5 takes the link's own name for its log: what a read-write client left there would be replayed
    # into the new generation by the next reader of that version.
    foreign_log = layout.public_link.with_name(f"{layout.public_link.name}.wal")
    foreign_log.unlink(missing_ok=True)
    durable_io.replace_symlink(layout.public_link, target, layout.root / f"link-{new_id()}")
    foreign_log.unlink(missing_ok=True)
    failpoints.hit("link-swapped")


def needs_recovery(layout: Layout) -> bool:
    """Whether a crash left the log ahead of the catalog, the catalog ahead of the public name, or unfinished files."""
    newest = layout.newest_snapshot()
    logged = layout.snapshots(layout.log)
    is_behind = newest != max(logged, default=0) or newest != (layout.published_snapshot() or 0)
    return is_behind or staging.has_leftovers(layout)


def recover(layout: Layout) -> None:
    """Finish what a dead writer began; the caller holds the write lock.

    A log entry without its generation is rolled forward, an unpublished generation published, and staging folders of
    dead writers are cleaned, together with data files that they renamed into place but never committed.
    """
    logged = layout.snapshots(layout.log)
    if not logged:
        return
    newest = layout.newest_snapshot()
    if newest < logged[-1]:
        finish_commit(layout, newest or None)
    if layout.published_snapshot() != logged[-1]:
        publish(layout, logged[-1])
    staging.sweep(layout)


def finish_commit(layout: Layout, base: int | None) -> None:
    """Build the newest logged generation on top of `base` (None: from the whole log)."""
    entries = without_removed_files(logged_entries(layout, after=base or 0))
    path, _ = build_snapshot(layout, base, entries, file_lookup({}, layout.root), layout.tmp)
    path.rename(layout.catalog_file(entries[-1].generation))
    durable_io.fsync_folder(layout.catalog)


def rebuild(layout: Layout, workspace: Path, records: Sequence[log.LogRecord] = ()) -> int:
    """Make a new generation from the whole log, `records`, and the footers of the data files alone.

    The caller holds the lock.
    """
    entries = logged_entries(layout, after=0)
    number = max(entries[-1].generation, layout.newest_snapshot()) + 1
    if number != entries[-1].generation + 1:
        raise StoreError(f"{layout.log}: commits are missing from the log; it ends before generation {number - 1}")
    last = log.LogEntry(number, entries[-1].store_id, now(), tuple(records))
    path, _ = build_snapshot(
        layout, None, without_removed_files([*entries, last]), file_lookup({}, layout.root), workspace
    )
    staged_log = workspace / f"log-{number:06d}.parquet"
    log.write_entry(last, staged_log)
    staged_log.rename(layout.log_file(number))
    durable_io.fsync_folder(layout.log)
    failpoints.hit("log-renamed")
    path.rename(layout.catalog_file(number))
    durable_io.fsync_folder(layout.catalog)
    failpoints.hit("catalog-renamed")
    publish(layout, number)
    staging.sweep(layout)
    return number


def logged_entries(layout: Layout, after: int) -> list[log.LogEntry]:
    """The log's entries after generation `after`, none missing."""
    generations = [number for number in layout.snapshots(layout.log) if number > after]
    if not generations or generations != list(range(after + 1, generations[-1] + 1)):
        raise StoreError(f"{layout.log}: commits are missing from the log; after {after} it holds {generations}")
    return [log.read_entry(layout.log_file(number)) for number in generations]


def without_removed_files(entries: list[log.LogEntry]) -> list[log.LogEntry]:
    """The same entries less the data files that were added and taken out within them: their footers may be gone."""
    gone = {row["file_id"] for entry in entries for row in _rows(entry, "delete", "files")}
    if not gone:
        return entries
    return [
        log.LogEntry(
            entry.generation,
            entry.store_id,
            entry.committed_at,
            tuple(
                record
                for record in entry.records
                if not (record.op == "put" and record.table == "files" and Path(record.row["path"]).stem in gone)
            ),
        )
        for entry in entries
    ]


def _rows(entry: log.LogEntry, operation: str, table: str) -> Iterator[Any]:
    return (record.row for record in entry.records if record.op == operation and record.table == table)


def write_intent(folder: Path, targets: list[str]) -> None:
    """Write down which files are about to come or go, so that a crash leaves none behind that no generation knows."""
    intent = folder / "intent.json"
    intent.write_text(json.dumps(targets))
    durable_io.fsync_file(intent)
    durable_io.fsync_folder(folder)


def file_lookup(files: dict[str, DataFile], root: Path) -> replay.Describe:
    """FileFacts of data files from memory where they are, else from their footers."""
    return lambda path: files[path] if path in files else read_footer(root, path)[0]


def now() -> datetime:
    """The time of a commit."""
    return datetime.now(UTC)
