"""Check the commit log: every entry exists, has its checksum, and belongs to this store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mtstore.errors import StoreError
from mtstore.storage import checksum
from mtstore.storage.commit.commit_log import LogEntry, read_entry
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.problems import Problem

_ADVICE = "`mtstore repair` rebuilds it from the database file, as far as that has it"


@dataclass(slots=True)
class LogCheck:
    """The log on disk: its sound entries by snapshot, the numbers of the others, and their problems."""

    entries: dict[int, LogEntry] = field(default_factory=dict)
    broken: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def sound_entries(self) -> list[LogEntry] | None:
        """All entries in order, or None if any is broken or missing."""
        return None if self.broken or not self.entries else [self.entries[number] for number in sorted(self.entries)]


def check_log(layout: Layout, last: int) -> LogCheck:
    """Read the log up to snapshot `last`."""
    found = LogCheck()
    for number in range(1, last + 1):
        problem = _read_entry(layout, number, found)
        if problem is not None:
            found.broken.append(number)
            path = layout.log_file(number).relative_to(layout.root)
            found.problems.append(Problem(str(path), problem, _ADVICE, "log"))
    known = {layout.log_file(number) for number in layout.snapshots(layout.log)}
    entries = sorted(layout.log.iterdir()) if layout.log.is_dir() else []
    found.problems += unknown_files(layout, entries, known, "is not an entry of the log")
    return found


def _read_entry(layout: Layout, number: int, found: LogCheck) -> str | None:
    """Add an entry to `found`, or return what is wrong with it."""
    path = layout.log_file(number)
    if not path.exists():
        return "is missing from the log"
    try:
        entry = read_entry(path)
    except StoreError as error:
        return str(error).removeprefix(f"{path}: ")
    if not checksum.checksum_matches(path.read_bytes()):
        return "has no checksum: it is damaged, or another program wrote it"
    if entry.snapshot != number:
        return f"is the entry of snapshot {entry.snapshot}"
    if any(entry.store_id != other.store_id for other in found.entries.values()):
        return f"belongs to another store ({entry.store_id})"
    found.entries[number] = entry
    return None


def unknown_files(layout: Layout, paths: Iterable[Path], known: set[Path], problem: str) -> Iterator[Problem]:
    """Yield a problem for each of `paths` that is not `known`."""
    for path in paths:
        if path not in known:
            yield Problem(
                str(path.relative_to(layout.root)), problem, "`mtstore repair` sets it aside", "unknown_files"
            )
