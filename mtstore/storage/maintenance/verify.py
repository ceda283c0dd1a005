"""Verify a store: read everything to the last byte and compare it with everything else, changing nothing.

The commit log is the source of the metadata: it is replayed, and the newest snapshot is compared with the result.
Every file under data/ and meta/ is read and compared with the metadata by the queries in `sql/checks/`. Unfinished
work (`tmp/`), files that `repair` has set aside (`damaged/`) and the lock file are not part of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import StoreError, StoreLockedError, StoreNotFoundError
from mtstore.storage.commit import snapshots
from mtstore.storage.commit.agreement import check_agreement, check_format
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.files.file_facts import FileFacts, Kind
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.check_databases import check_snapshots, find_fault, open_for_check
from mtstore.storage.maintenance.check_files import (
    CHECKS_OF_BARS,
    are_readable,
    check_checksums,
    check_derived,
    files_on_disk,
    footer_lookup,
    inspect_files,
    run_checks,
)
from mtstore.storage.maintenance.check_log import LogCheck, check_log
from mtstore.storage.maintenance.problems import Problem, VerifyResult
from mtstore.storage.reading.attach import attached
from mtstore.storage.write_lock import write_lock

if TYPE_CHECKING:
    import duckdb

LOCK_SECONDS = 20.0

Progress = Callable[[int, int, int], None]
"""Called with the number of files read, the number of all files, and the number of rows read."""


@dataclass(slots=True)
class VerifyFindings:
    """What `repair` needs besides the `result` for users.

    `readable` is a readable database file of the newest snapshot, private or public. `known` are the files of the
    metadata by path, `recorded` the data files that a database describes, `facts` the files on disk.
    """

    result: VerifyResult = field(default_factory=VerifyResult)
    log: LogCheck = field(default_factory=LogCheck)
    facts: dict[str, FileFacts] = field(default_factory=dict)
    newest: int = 0
    readable: Path | None = None
    known: dict[str, Kind] = field(default_factory=dict)
    recorded: dict[str, DataFile] = field(default_factory=dict)


def verify(layout: Layout, progress: Progress = lambda *_: None) -> VerifyResult:
    """Check a store, even one that does not open.

    Raises
    ------
    StoreNotFoundError
        There is none. StoreFormatError: it was made by a version of mtstore with another format.
    """
    check_format(layout)
    found = run_all_checks(layout, progress)
    _drop_outdated_problems(layout, found)
    found.result.problems.sort()
    return found.result


def run_all_checks(layout: Layout, progress: Progress = lambda *_: None) -> VerifyFindings:
    """Check a store as it is now; a commit that is running may look like damage."""
    if not layout.is_store():
        raise StoreNotFoundError(f"no store at {layout.root}")
    # A commit is in the log first, so the newest private snapshot leaves out a commit that is running.
    log = check_log(layout)
    newest = log.newest
    found = VerifyFindings(log=log, newest=newest)
    problems = found.result.problems
    problems += found.log.problems
    _read_metadata(layout, found)
    _inspect(layout, found, progress)
    with _open_metadata(layout, found) as (connection, is_replayed):
        with_objects = is_replayed and are_readable(found.facts.values())
        expected = connection if is_replayed else None
        problems += check_snapshots(layout, newest, expected, with_objects=with_objects)
        if connection is None:
            problems += check_checksums(found.facts.values())
        else:
            found.result.snapshot = newest
            problems += run_checks(connection, found.facts.values())
            if with_objects:
                problems += run_checks(connection, found.facts.values(), CHECKS_OF_BARS)
    problems += check_derived(layout)
    return found


def _read_metadata(layout: Layout, found: VerifyFindings) -> None:
    """List the files of the newest snapshot and of the log; if neither can be read, those on disk."""
    for path in (layout.catalog_file(found.newest), layout.public_file(found.newest)):
        if path.exists() and find_fault(path) is None:
            with open_for_check(path) as connection:
                found.known |= dict(connection.execute(sqlfiles.load("commit.all_files")).fetchall())
                for row in fetch_rows(connection, sqlfiles.load("commit.active_files"), {"tickers": None}):
                    found.recorded[row["path"]] = DataFile(**row)
            found.readable = path
            break
    if found.log.sound_entries is not None:
        found.known |= _files_of_log(found)
    elif found.readable is None:
        found.known = files_on_disk(layout)


def _files_of_log(found: VerifyFindings) -> dict[str, Kind]:
    """Replay which files there are, without reading any."""
    files: dict[str, tuple[str, Kind]] = {}  # by the name without its ending, which is the file's id
    for record in (record for entry in found.log.sound_entries or () for record in entry.records):
        row = record.row
        match record.op, record.table:
            case "put", "files":
                files[Path(row["path"]).stem] = row["path"], "data"
            case "put", "retired_files":
                files[Path(row["path"]).stem] = row["path"], "retired"
            case "put", "meta_files":
                files[Path(row["path"]).stem] = row["path"], row["kind"]
            case "delete", "files" | "retired_files":
                files.pop(row["file_id"], None)
            case "delete", "meta_files":
                files.pop(Path(row["path"]).stem, None)
            case _:
                pass
    return dict(files.values())


def _inspect(layout: Layout, found: VerifyFindings, progress: Progress) -> None:
    result = found.result

    def count(facts: FileFacts) -> None:
        if facts.kind != "unknown":
            result.files += 1
            result.rows += facts.row_count or 0
            result.bytes += facts.byte_size or 0
            progress(result.files, len(found.known), result.rows)

    found.facts = inspect_files(layout, found.known, count)


@contextmanager
def _open_metadata(layout: Layout, found: VerifyFindings) -> Iterator[tuple[duckdb.DuckDBPyConnection | None, bool]]:
    """Connect to the replayed log (True), else to the newest snapshot, else to nothing."""
    entries = found.log.sound_entries
    with ExitStack() as stack:
        replayed = None
        if entries is not None:
            lookup = footer_lookup(found.facts.values(), found.recorded)
            without_files = not are_readable(found.facts.values())
            # KeyError: the footer of a data file is damaged, and no snapshot describes the file.
            with suppress(KeyError):
                replayed = stack.enter_context(snapshots.replayed(layout, entries, lookup, without_files=without_files))
        if replayed is not None:
            yield replayed, True
        elif found.readable is not None:
            yield stack.enter_context(open_for_check(found.readable)), False
        else:
            yield None, False


def _drop_outdated_problems(layout: Layout, found: VerifyFindings) -> None:
    """Drop the problems of files that a commit added or deleted during the checks."""
    problems = found.result.problems
    uncertain = [problem for problem in problems if problem.check in {"missing_files", "unknown_files"}]
    logged = layout.snapshots(layout.log)
    if not uncertain and (not logged or logged[-1] == found.newest):
        return
    try:
        with write_lock(layout.lock, "verify", LOCK_SECONDS):
            known = _current_paths(layout)
            _check_unfinished(layout, found)
    except StoreLockedError:
        found.result.notes.append(f"{len(uncertain)} files could not be checked, because a writer is busy")
        found.result.problems = [problem for problem in problems if problem not in uncertain]
        return
    except OSError:
        return  # without write access there is no lock: the problems are reported as they were found
    if known is not None:
        found.result.problems = [problem for problem in problems if not _is_outdated(layout, problem, known)]


def _current_paths(layout: Layout) -> set[str] | None:
    newest = layout.newest_snapshot()
    if not newest:
        return None
    try:
        with attached(layout.catalog_file(newest), read_only=True) as connection:
            return {path for path, _ in connection.execute(sqlfiles.load("commit.all_files")).fetchall()}
    except StoreError:
        return None


def _is_outdated(layout: Layout, problem: Problem, known: set[str]) -> bool:
    if problem.check == "missing_files":
        return problem.path not in known
    if problem.check == "unknown_files":
        return problem.path in known or not (layout.root / problem.path).exists()
    return False


def _check_unfinished(layout: Layout, found: VerifyFindings) -> None:
    # While the lock is held no commit is running: a log that is ahead was left by a crash.
    try:
        newest = check_agreement(layout)
    except StoreError:
        return  # reported as problems of the log
    if newest.logged > newest.built:
        path = str(layout.log_file(newest.logged).relative_to(layout.root))
        advice = "any command that opens the store completes it"
        found.result.problems.append(Problem(path, "is a commit without its database file", advice, "catalog"))
