"""Check that the commit log and the database files agree, before anything is changed.

An entry or a database file counts only if the number and the store that it records are those of its name and its
place. The log may be ahead, which is what a crash leaves; everything else needs `mtstore repair`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import StoreError, StoreFormatError
from mtstore.ranges import from_us
from mtstore.storage.commit import commit_log
from mtstore.storage.commit.commit_log import CommitHeader, LogEntry
from mtstore.storage.layout import Layout
from mtstore.storage.reading.attach import attached


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest commit of the log, the newest database file (0: none), and their store."""

    logged: int
    built: int
    store_id: str | None


def check_agreement(layout: Layout) -> Newest:
    """Return the newest commit and database file of a store; needs no lock.

    Raises
    ------
    StoreFormatError
        One of them was written in another format.
    StoreError
        They contradict each other.
    """
    built, logged = _numbers(layout)
    number, last = max(built, default=0), max(logged, default=0)
    database = _read(read_database_header, layout.catalog_file(number)) if number else None
    entry = _read(commit_log.read_header, layout.log_file(last)) if last else None
    if fault := next(_contradictions(layout, logged, number, database, entry), None):
        raise contradiction(layout, fault)
    return Newest(last, number, entry.store_id if isinstance(entry, CommitHeader) else None)


def check_format(layout: Layout) -> None:
    """Raise StoreFormatError if the newest log entry or database file was written in another format."""
    try:
        check_agreement(layout)
    except StoreFormatError:
        raise
    except StoreError:
        return


def contradiction(layout: Layout, fault: str) -> StoreError:
    """Return the error to raise for a store whose log and database files cannot both be right."""
    return StoreError(f"{fault}; nothing was changed, and `mtstore repair {layout.root}` mends the log")


def _numbers(layout: Layout) -> tuple[list[int], list[int]]:
    """List the database files first: a commit that comes between the two listings is in the log."""
    found = None
    while found != (found := (layout.snapshots(layout.catalog), layout.snapshots(layout.log))):
        pass  # a listing may miss a name that a commit adds meanwhile
    return found


def _read(read: Callable[[Path], CommitHeader], path: Path) -> CommitHeader | StoreError:
    try:
        return read(path)
    except StoreFormatError:
        raise
    except StoreError as error:
        return error


def read_database_header(path: Path) -> CommitHeader:
    """Read which commit a database file has.

    Raises
    ------
    StoreError
        It cannot be read. StoreFormatError: it was written in another format.
    """
    import duckdb

    try:
        with attached(path, read_only=True) as connection:
            found = fetch_rows(connection, sqlfiles.load("snapshot.store_info"))
    except duckdb.Error as error:
        raise StoreError(f"{path}: not a database file of mtstore: {error}") from error
    if len(found) != 1:
        raise StoreError(f"{path}: not a database file of mtstore: it names {len(found)} stores")
    commit_log.check_format(path, found[0]["format_version"])
    return CommitHeader(found[0]["generation"], found[0]["store_id"], from_us(found[0]["committed_at_us"]))


def _contradictions(
    layout: Layout,
    logged: list[int],
    number: int,
    database: CommitHeader | StoreError | None,
    entry: CommitHeader | StoreError | None,
) -> Iterator[str]:
    last = max(logged, default=0)
    if logged != list(range(1, last + 1)):
        yield f"{layout.log}: commits are missing from the log; it has {in_words(logged)}"
    if number > last:
        yield f"{layout.catalog_file(number)}: commits are missing from the log, which ends with snapshot {last}"
    if isinstance(entry, StoreError):
        yield str(entry)
    if isinstance(entry, CommitHeader) and entry.snapshot != last:
        yield f"{layout.log_file(last)}: is the entry of snapshot {entry.snapshot}"
    # A database file that cannot be read is derived again by `mtstore rebuild`.
    if isinstance(database, CommitHeader) and isinstance(entry, CommitHeader):
        own = entry if number == last else _read(commit_log.read_header, layout.log_file(number))
        if database.snapshot != number:
            yield f"{layout.catalog_file(number)}: is the database file of snapshot {database.snapshot}"
        if database.store_id != entry.store_id:
            yield f"{layout.catalog_file(number)}: belongs to another store than {layout.log_file(last)}"
        if isinstance(own, CommitHeader) and own != database:
            yield f"{layout.catalog_file(number)}: is of another commit than {layout.log_file(number)}"


def in_words(numbers: Iterable[int]) -> str:
    """Return ascending numbers as text, neighbours as a range: `1 to 7, 99`."""
    return ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in spans(numbers)) or "none"


def spans(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as ranges, both ends included."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def logged_entries(layout: Layout, after: int) -> list[LogEntry]:
    """Read the log's entries after snapshot `after`; StoreError if one is missing, damaged or of another store."""
    numbers = [number for number in layout.snapshots(layout.log) if number > after]
    if not numbers or numbers != list(range(after + 1, numbers[-1] + 1)):
        fault = f"{layout.log}: commits are missing from the log; after {after} it has {in_words(numbers)}"
        raise contradiction(layout, fault)
    entries: list[LogEntry] = []
    for number in numbers:
        path = layout.log_file(number)
        try:
            entry = commit_log.read_entry(path)
        except StoreFormatError:
            raise
        except StoreError as error:
            raise contradiction(layout, str(error)) from error
        if entry.snapshot != number:
            raise contradiction(layout, f"{path}: is the entry of snapshot {entry.snapshot}")
        if entries and entry.store_id != entries[0].store_id:
            raise contradiction(layout, f"{path}: belongs to another store than {layout.log_file(numbers[0])}")
        entries.append(entry)
    return entries
