"""Repair a store: set damaged files aside, remove the coverage of lost bars, and rebuild the database file.

Nothing is deleted: damaged files are moved to `damaged/<time>/`, under the paths that they had. An interrupted repair
is repeated from the start: the files that it had moved are then missing, which is repaired in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mtstore.errors import StoreError, StoreNotFoundError
from mtstore.storage import durable_io
from mtstore.storage.commit import snapshots
from mtstore.storage.commit.agreement import check_format, logged_entries
from mtstore.storage.commit.commit_log import write_entry
from mtstore.storage.commit.staging import staging_folder
from mtstore.storage.layout import Layout, new_id
from mtstore.storage.maintenance import lost_ranges
from mtstore.storage.maintenance.check_databases import open_for_check
from mtstore.storage.maintenance.check_files import CHECKS, CHECKS_OF_BARS
from mtstore.storage.maintenance.check_log import LogCheck, check_log
from mtstore.storage.maintenance.lost_ranges import LostRange
from mtstore.storage.maintenance.problems import Problem
from mtstore.storage.maintenance.rebuild_log import rebuild_log
from mtstore.storage.maintenance.verify import Progress, VerifyFindings, run_all_checks
from mtstore.storage.write_lock import DEFAULT_TIMEOUT_SECONDS, write_lock

FOLDER: Final = "damaged"
# A damaged metadata file can hide the problem of a data file, so the repaired store is checked again.
_MOST_ROUNDS: Final = 3
# A file that fails one of these leaves the store.
_CHECKS_OF_FILES: Final = ({*CHECKS} - {"unrecorded_coverage", "unknown_files"}) | {*CHECKS_OF_BARS}


@dataclass(slots=True)
class RepairResult:
    """What `repair` did.

    Attributes
    ----------
    snapshot
        The newest snapshot: a new one if more was repaired than the log.
    problems
        The problems that it found.
    set_aside
        The files that were moved, by the paths that they had, relative to the store's root.
    folder
        Where they are now; None if none was moved.
    lost
        The ranges whose bars are lost; the next load fetches them again.
    remaining
        The problems that are left.
    """

    snapshot: int
    problems: list[Problem] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    folder: Path | None = None
    lost: list[LostRange] = field(default_factory=list)
    remaining: list[Problem] = field(default_factory=list)


def repair(
    layout: Layout,
    progress: Progress = lambda *_: None,
    *,
    lock_timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
) -> RepairResult:
    """Make a store sound, even one that does not open.

    Raises
    ------
    StoreNotFoundError
        There is none. StoreLockedError: another process writes.
    StoreFormatError
        It was made by a version of mtstore with another format.
    StoreError
        Neither a database file nor the beginning of the log can be read.
    """
    if not layout.is_store():
        raise StoreNotFoundError(f"no store at {layout.root}; there is nothing to repair")
    check_format(layout)
    with staging_folder(layout) as workspace, write_lock(layout.lock, "repair", lock_timeout_seconds):
        aside = _DamagedFolder(layout)
        log = check_log(layout)
        if not (log.base or log.whole):
            raise StoreError(
                f"{layout.root}: neither its log nor any database file can be read; put one of them back from a copy, "
                "or ingest the data into a new store"
            )
        aside.move(log.strays)
        if log.is_broken:
            _mend_log(layout, log, workspace, aside)
        with suppress(StoreError):  # a commit that cannot be completed is a problem like any other
            snapshots.recover(layout)
        found = run_all_checks(layout, progress)
        done = RepairResult(found.newest, problems=sorted({*log.problems, *found.result.problems}))
        for number in range(_MOST_ROUNDS):
            if not found.result.problems:
                break
            folder = workspace / f"round-{number}"
            folder.mkdir()
            done.snapshot = _repair_once(layout, found, folder, aside, done)
            found = run_all_checks(layout, progress)
        done.remaining = sorted(found.result.problems)
        done.set_aside, done.folder = sorted(aside.moved), aside.folder if aside.moved else None
        return done


def _repair_once(
    layout: Layout, found: VerifyFindings, workspace: Path, aside: _DamagedFolder, done: RepairResult
) -> int:
    by_check: dict[str, list[str]] = {}
    for problem in found.result.problems:
        by_check.setdefault(problem.check, []).append(problem.path)
    damaged = {path: found.known[path] for check in _CHECKS_OF_FILES for path in by_check.get(check, ())}
    lost = lost_ranges.lost_ranges_of((path for path, kind in damaged.items() if kind == "data"), found.recorded)
    # Files cover these ranges and the ledger does not have them: the rows stay, the ranges are fetched again.
    unrecorded = lost_ranges.lost_ranges_of(by_check.get("unrecorded_coverage", ()), found.recorded)
    entries = logged_entries(layout, after=0)
    records = list(lost_ranges.records(damaged, [*lost, *unrecorded], entries, datetime.now(UTC)))
    done.lost += lost
    aside.move(damaged)
    aside.move(by_check.get("unknown_files", ()))
    aside.move(str(Path(path).parent) for path in by_check.get("derived", ()))
    aside.move(_database_paths(layout, {*by_check.get("catalog", ()), *by_check.get("public", ())}))
    return snapshots.rebuild(layout, workspace, records)


def _database_paths(layout: Layout, damaged: Iterable[str]) -> list[str]:
    """Return both database files of each damaged snapshot, and a public name that is not a link."""
    # Which of the two files is damaged is not always known: each is only checked against the other.
    paths: list[str] = []
    for path in damaged:
        name = path.removeprefix("public/").removeprefix("catalog/").partition("/")[0].removesuffix(".duckdb")
        if name.isdigit():
            pair = (layout.catalog_file(int(name)), layout.public_file(int(name)).parent)
            paths += [str(one.relative_to(layout.root)) for one in pair]
        elif not layout.public_link.is_symlink():
            paths.append(path)
    return paths


def _mend_log(layout: Layout, found: LogCheck, workspace: Path, aside: _DamagedFolder) -> None:
    """Write a new log: that of the newest database file, or the whole beginning of the old one, and the commits since.

    Commits that do not follow it get the next numbers.
    """
    folder = workspace / "log"
    if found.base is not None and (found.base[0] > found.whole or found.is_replaced):
        last, database = found.base
        with open_for_check(database) as connection:
            rebuild_log(connection, folder)
    else:
        last = found.whole
        folder.mkdir()
        for number in range(1, last + 1):
            durable_io.copy_read_only(layout.log_file(number), folder / layout.log_file(number).name)
    since = [number for number in found.entries if number > last or (number == last and found.is_replaced)]
    for number, old in enumerate(sorted(since), start=last + 1):
        write_entry(replace(found.entries[old], snapshot=number), folder)
    durable_io.fsync_folder(folder)
    layout.log.mkdir(parents=True, exist_ok=True)
    aside.move([str(layout.log.relative_to(layout.root))])
    folder.rename(layout.log)
    durable_io.fsync_folder(layout.log.parent)


class _DamagedFolder:
    """The folder that damaged files are moved to."""

    def __init__(self, layout: Layout) -> None:
        self._root = layout.root
        self.folder = layout.root / FOLDER / new_id()
        self.moved: set[str] = set()

    def move(self, paths: Iterable[str]) -> None:
        """Move those files or folders of the store that exist; they keep their paths below the folder."""
        for path in sorted(set(paths)):
            source, target = self._root / path, self.folder / path
            if source.exists() or source.is_symlink():
                touched = durable_io.make_folder(target.parent, self._root)
                source.rename(target)
                for folder in {source.parent, target.parent, *touched}:
                    durable_io.fsync_folder(folder)
                self.moved.add(path)
