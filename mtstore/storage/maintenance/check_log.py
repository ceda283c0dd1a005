"""Checks of the commit log: every entry there, sealed, and of this store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mtstore.errors import StoreError
from mtstore.storage import checksum
from mtstore.storage.commit import commit_log as log
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.problems import Problem

_ADVICE = "`mtstore repair` writes it anew from the database file, as far as that knows"


@dataclass(slots=True)
class LogCheck:
    """The log as it lies there: the entries that can be trusted, by generation, and what is wrong with the others."""

    entries: dict[int, log.LogEntry] = field(default_factory=dict)
    broken: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def sound_entries(self) -> list[log.LogEntry] | None:
        """All entries in order, or None if any is broken or missing."""
        return None if self.broken or not self.entries else [self.entries[number] for number in sorted(self.entries)]


def check_log(layout: Layout, last: int) -> LogCheck:
    """Read the log up to generation `last`."""
    found = LogCheck()
    for number in range(1, last + 1):
        problem = _problem_of(layout, number, found)
        if problem is not None:
            found.broken.append(number)
            path = layout.log_file(number).relative_to(layout.root)
            found.problems.append(Problem(str(path), problem, _ADVICE, "log"))
    for stranger in _strangers(layout):
        found.problems.append(
            Problem(stranger, "is no entry of the log", "`mtstore repair` sets it aside", "unknown_files")
        )
    return found


def _problem_of(layout: Layout, number: int, found: LogCheck) -> str | None:
    """What is wrong with one entry; a sound one is noted."""
    path = layout.log_file(number)
    if not path.exists():
        return "is missing from the log"
    try:
        entry = log.read_entry(path)
    except StoreError as error:
        return str(error).removeprefix(f"{path}: ")
    if not checksum.checksum_matches(path.read_bytes()):
        return "carries no seal: it is damaged, or another program wrote it"
    if entry.generation != number:
        return f"is the entry of generation {entry.generation}"
    if any(entry.store_id != other.store_id for other in found.entries.values()):
        return f"is of another store ({entry.store_id})"
    found.entries[number] = entry
    return None


def _strangers(layout: Layout) -> Iterator[str]:
    known = {layout.log_file(number).name for number in layout.snapshots(layout.log)}
    for path in sorted(layout.log.iterdir()) if layout.log.is_dir() else ():
        if path.name not in known:
            yield str(path.relative_to(layout.root))
