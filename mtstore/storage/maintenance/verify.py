"""Verify: everything in a store read to the last byte and held against everything else; nothing is changed.

The commit log is the truth of the metadata; it is folded anew and the newest generation compared with the outcome.
Every file under data/ and meta/ is read and compared with the metadata by the queries in `sql/checks/`. Folders for
unfinished work (`tmp/`), what `repair` has set aside (`damaged/`) and the lock's file hold nothing of the store.
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
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.files.file_facts import FileFacts, Kind
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.check_databases import check_generations, find_fault, open_for_check
from mtstore.storage.maintenance.check_files import (
    CHECKS_OF_BARS,
    Inspection,
    check_derived,
    check_seals,
    files_on_disk,
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
"""Told of files done, files in all, and rows read."""


@dataclass(slots=True)
class VerifyFindings:
    """All that a look at a store brings up: for people a `VerifyResult`, for `repair` the rest.

    `readable` is a database file of the newest generation that can be read, the private one or its public copy.
    """

    verification: VerifyResult = field(default_factory=VerifyResult)
    log: LogCheck = field(default_factory=LogCheck)
    inspection: Inspection = field(default_factory=Inspection)
    newest: int = 0
    readable: Path | None = None
    known: dict[str, Kind] = field(default_factory=dict)
    recorded: dict[str, DataFile] = field(default_factory=dict)


def verify(layout: Layout, progress: Progress = lambda *_: None) -> VerifyResult:
    """Check a store; it need not open.

    Raises
    ------
    StoreNotFoundError
        There is none.
    """
    found = run_all_checks(layout, progress)
    _drop_what_moved_on(layout, found)
    found.verification.problems.sort()
    return found.verification


def run_all_checks(layout: Layout, progress: Progress = lambda *_: None) -> VerifyFindings:
    """Check a store, for those who go on with what was found."""
    last = max([0, *layout.snapshots(layout.log), *layout.snapshots(layout.catalog)])
    if last == 0:
        raise StoreNotFoundError(f"no store at {layout.root}")
    # A commit is in the log first; whoever commits just now is not looked at.
    newest = layout.newest_snapshot() or last
    found = VerifyFindings(log=check_log(layout, newest), newest=newest)
    problems = found.verification.problems
    problems += found.log.problems
    _recall(layout, found)
    _inspect(layout, found, progress)
    with _state(layout, found) as (connection, is_folded):
        with_objects = is_folded and found.inspection.are_files_sound
        expected = connection if is_folded else None
        problems += check_generations(layout, newest, expected, with_objects=with_objects)
        facts = found.inspection.facts.values()
        if connection is None:
            problems += check_seals(facts)
        else:
            found.verification.snapshot = newest
            problems += run_checks(connection, facts)
            if with_objects:
                problems += run_checks(connection, facts, CHECKS_OF_BARS)
    problems += check_derived(layout)
    return found


def _recall(layout: Layout, found: VerifyFindings) -> None:
    """What a database file of the newest generation says of files, and the log; where neither can, the folders."""
    for path in (layout.catalog_file(found.newest), layout.public_file(found.newest)):
        if path.exists() and find_fault(path) is None:
            with open_for_check(path) as connection:
                _read_files(connection, found)
            found.readable = path
            break
    if found.log.sound_entries is not None:
        found.known |= _files_of_log(found)
    elif found.readable is None:
        found.known = files_on_disk(layout)


def _read_files(connection: duckdb.DuckDBPyConnection, found: VerifyFindings) -> None:
    found.known |= dict(connection.execute(sqlfiles.load("verify.files_to_check")).fetchall())
    for row in fetch_rows(connection, sqlfiles.load("commit.active_files"), {"tickers": None}):
        found.recorded[row["path"]] = DataFile(**row)


def _files_of_log(found: VerifyFindings) -> dict[str, Kind]:
    """The files that the log knows, without reading any: what was added and neither retired nor forgotten since."""
    kinds: dict[str, Kind] = {}
    gone: set[str] = set()
    taken: set[str] = set()
    for record in (record for entry in found.log.sound_entries or () for record in entry.records):
        match record.op, record.table:
            case "put", "files":
                kinds[record.row["path"]] = "data"
            case "delete", "files":
                taken.add(record.row["file_id"])
            case "put", "retired_files":
                kinds[record.row["path"]] = "retired"
            case "put", "meta_files":
                kinds[record.row["path"]] = record.row["kind"]
            case "delete", "retired_files":
                gone.add(record.row["file_id"])
            case "delete", "meta_files":
                gone.add(Path(record.row["path"]).stem)
            case _:
                pass
    stems = {path: Path(path).stem for path in kinds}
    return {
        path: kind
        for path, kind in kinds.items()
        if stems[path] not in gone and not (kind == "data" and stems[path] in taken)
    }


def _inspect(layout: Layout, found: VerifyFindings, progress: Progress) -> None:
    verification = found.verification
    total = len(found.known)

    def looked(facts: FileFacts) -> None:
        if facts.kind != "unknown":
            verification.files += 1
            verification.rows += facts.row_count or 0
            verification.bytes += facts.byte_size or 0
            progress(verification.files, total, verification.rows)

    found.inspection = inspect_files(layout, found.known, looked)


@contextmanager
def _state(layout: Layout, found: VerifyFindings) -> Iterator[tuple[duckdb.DuckDBPyConnection | None, bool]]:
    """The metadata to check files against: what the log folds to, else the newest generation, else nothing."""
    entries = found.log.sound_entries
    with ExitStack() as stack:
        folded = None
        if entries is not None:
            describe = found.inspection.describe(found.recorded)
            without_files = not found.inspection.are_files_sound
            # A damaged data file that no generation describes: the log alone cannot say what it held.
            with suppress(KeyError):
                folded = stack.enter_context(snapshots.folded(layout, entries, describe, without_files=without_files))
        if folded is not None:
            yield folded, True
        elif found.readable is not None:
            yield stack.enter_context(open_for_check(found.readable)), False
        else:
            yield None, False


def _drop_what_moved_on(layout: Layout, found: VerifyFindings) -> None:
    """Take back what only seemed wrong because somebody committed meanwhile: files that came, files that went."""
    problems = found.verification.problems
    doubtful = [problem for problem in problems if problem.check in {"missing_files", "unknown_files"}]
    logged = layout.snapshots(layout.log)
    if not doubtful and (not logged or logged[-1] == found.newest):
        return
    try:
        with write_lock(layout.lock, "verify", LOCK_SECONDS):
            known = _known_now(layout)
            _check_unfinished(layout, found)
    except StoreLockedError:
        found.verification.notes.append(f"{len(doubtful)} files could not be judged, because a writer is busy")
        found.verification.problems = [problem for problem in problems if problem not in doubtful]
        return
    except OSError:
        return  # who may only read finds a store that nobody else writes to either, or judges by what was seen
    if known is not None:
        found.verification.problems = [problem for problem in problems if not _is_settled(layout, problem, known)]


def _known_now(layout: Layout) -> set[str] | None:
    newest = layout.newest_snapshot()
    if not newest:
        return None
    try:
        with attached(layout.catalog_file(newest), read_only=True) as connection:
            return {path for (path,) in connection.execute(sqlfiles.load("commit.all_paths")).fetchall()}
    except StoreError:
        return None


def _is_settled(layout: Layout, problem: Problem, known: set[str]) -> bool:
    if problem.check == "missing_files":
        return problem.path not in known
    if problem.check == "unknown_files":
        return problem.path in known or not (layout.root / problem.path).exists()
    return False


def _check_unfinished(layout: Layout, found: VerifyFindings) -> None:
    """A log that is ahead while nobody writes is a commit that its process could not finish."""
    logged = layout.snapshots(layout.log)
    if logged and logged[-1] > max([0, *layout.snapshots(layout.catalog)]):
        path = str(layout.log_file(logged[-1]).relative_to(layout.root))
        advice = "any command that opens the store finishes it"
        found.verification.problems.append(Problem(path, "is a commit without its database file", advice, "catalog"))
