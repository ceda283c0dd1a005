"""Check the commit log: every entry exists, has its checksum, and belongs to this store, as do the database files.

An entry counts if it is sound and records the number of its name. A database file counts if it records the number of
its name, and can be read. Files beyond the commits that these give are strays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from mtstore.errors import StoreError, StoreFormatError
from mtstore.storage import checksum
from mtstore.storage.commit.agreement import in_words, read_database_header, spans
from mtstore.storage.commit.commit_log import CommitHeader, LogEntry, read_entry
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.check_databases import find_fault
from mtstore.storage.maintenance.problems import Problem, unknown_files

_ADVICE = "`mtstore repair` rebuilds it from the database file, as far as that has it"


@dataclass(slots=True)
class LogCheck:
    """The log on disk.

    Attributes
    ----------
    entries
        The entries that count, by snapshot.
    newest
        The snapshot that the log is checked up to: that of the newest database file, or without one that of the log.
    whole
        The log has all entries up to this one.
    base
        The newest database file that counts, and its snapshot; its private copy, else the public one.
    is_replaced
        The entry of `base` is that of another commit: the log went on without the database file.
    strays
        The files that do not count, relative to the store's root.
    problems
        What is wrong with the log, and the strays.
    """

    entries: dict[int, LogEntry] = field(default_factory=dict)
    newest: int = 0
    whole: int = 0
    base: tuple[int, Path] | None = None
    is_replaced: bool = False
    strays: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_broken(self) -> bool:
        """Whether an entry is missing or damaged, or does not follow the others."""
        return any(problem.check == "log" for problem in self.problems)

    @property
    def sound_entries(self) -> list[LogEntry] | None:
        """All entries up to the newest in order, or None if the log is broken."""
        if self.is_broken or not self.entries:
            return None
        return [self.entries[number] for number in range(1, self.newest + 1)]


def check_log(layout: Layout) -> LogCheck:
    """Read the log, and which commits the newest database files have.

    Raises
    ------
    StoreFormatError
        The newest database file was written in another format.
    """
    found = LogCheck()
    built = layout.snapshots(layout.catalog)  # first: a commit that comes meanwhile is in the log
    faults = _read_entries(layout, found)
    databases = _find_base(layout, found, built)
    found.whole = _last_after(0, found.entries)
    top = max(found.whole, _last_after(found.base[0], found.entries) if found.base else 0)
    strays = {number for number, (is_readable, _) in databases.items() if is_readable or number > top}
    kept = [number for number in built if number not in strays]
    found.newest = max(kept, default=0) or found.whole or max(found.entries, default=0)
    for number in sorted(strays):
        _add_stray(layout, found, layout.catalog_file(number), databases[number][1])
    _check_entries(layout, found, faults)
    known = {layout.log_file(number) for number in layout.snapshots(layout.log)}
    names = sorted(layout.log.iterdir()) if layout.log.is_dir() else []
    found.problems += unknown_files(layout, names, known, "is not an entry of the log")
    return found


def _last_after(number: int, entries: Container[int]) -> int:
    """Return the last of the entries that follow a number without a gap."""
    while number + 1 in entries:
        number += 1
    return number


def _read_entries(layout: Layout, found: LogCheck) -> dict[int, str]:
    """Read the entries that count; return the faults of the others, by the number of their name."""
    faults: dict[int, str] = {}
    for number in layout.snapshots(layout.log):
        path = layout.log_file(number)
        try:
            entry = read_entry(path)
        except StoreError as error:
            faults[number] = str(error).removeprefix(f"{path}: ")
            continue
        if not checksum.checksum_matches(path.read_bytes()):
            faults[number] = "has no checksum: it is damaged, or another program wrote it"
        elif entry.snapshot != number:
            faults[number] = f"is the entry of snapshot {entry.snapshot}"
        else:
            found.entries[number] = entry
    counts = Counter(entry.store_id for entry in found.entries.values())
    for number, entry in list(found.entries.items()):
        if entry.store_id != max(counts, key=counts.__getitem__):
            faults[number] = f"belongs to another store ({entry.store_id})"
            del found.entries[number]
    return faults


def _find_base(layout: Layout, found: LogCheck, built: list[int]) -> dict[int, tuple[bool, str]]:
    """Find the newest database file that counts; of newer ones return whether they can be read, and their fault."""
    store_id = next((entry.store_id for entry in found.entries.values()), None)
    faults: dict[int, tuple[bool, str]] = {}
    for number in reversed(built):
        private, public = layout.catalog_file(number), layout.public_file(number)
        header = _read_whole(private)
        fault = _fault_of(header, number, store_id)
        if fault is None:
            found.base = number, private
            own = found.entries.get(number)
            found.is_replaced = own is not None and isinstance(header, CommitHeader) and _header_of(own) != header
            break
        faults[number] = isinstance(header, CommitHeader), fault
        if isinstance(header, str) and _fault_of(_read_whole(public), number, store_id) is None:
            del faults[number]  # damaged, and no stray
            found.base = number, public
            break
    return faults


def _header_of(entry: LogEntry) -> CommitHeader:
    return CommitHeader(entry.snapshot, entry.store_id, entry.committed_at)


def _read_whole(path: Path) -> CommitHeader | str:
    """Return which commit a database file has, or why it cannot be read to its end."""
    try:
        header = read_database_header(path)
    except StoreFormatError:
        raise
    except StoreError as error:
        return str(error).removeprefix(f"{path}: ").splitlines()[0]
    return find_fault(path) or header


def _fault_of(header: CommitHeader | str, number: int, store_id: str | None) -> str | None:
    if isinstance(header, str):
        return header
    if header.snapshot != number:
        return f"is the database file of snapshot {header.snapshot}"
    if store_id not in {None, header.store_id}:
        return f"belongs to another store ({header.store_id})"
    return None


def _check_entries(layout: Layout, found: LogCheck, faults: dict[int, str]) -> None:
    names = {*found.entries, *faults}
    for first, last in spans(number for number in range(1, found.newest + 1) if number not in names):
        fault = "is missing from the log" if first == last else f"and all up to {last:06d} are missing from the log"
        _add_broken(layout, found, first, fault)
    follows = _last_after(found.newest, found.entries)
    beyond = sorted(number for number in found.entries if number > follows)
    for first, last in spans(beyond):
        fault = f"does not follow the entries before it: the log has {in_words(sorted(found.entries))}"
        _add_broken(layout, found, first, fault if first == last else f"to {last:06d}: {fault}")
    if found.is_replaced and found.base:
        _add_broken(layout, found, found.base[0], "is another commit than its database file has")
    for number, fault in sorted(faults.items()):
        if number <= found.newest:
            _add_broken(layout, found, number, fault)
        else:
            _add_stray(layout, found, layout.log_file(number), fault)


def _add_broken(layout: Layout, found: LogCheck, number: int, fault: str) -> None:
    path = str(layout.log_file(number).relative_to(layout.root))
    found.problems.append(Problem(path, fault, _ADVICE, "log"))


def _add_stray(layout: Layout, found: LogCheck, path: Path, fault: str) -> None:
    found.strays.append(str(path.relative_to(layout.root)))
    found.problems += unknown_files(layout, [path], set(), fault)
