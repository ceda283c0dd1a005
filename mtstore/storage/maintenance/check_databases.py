"""Check the database files: each private snapshot against its public copy, the newest against the log."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import new_instance
from mtstore.errors import StoreError
from mtstore.sqlfiles import identifier, literal
from mtstore.storage.commit.replay import add_later_tables
from mtstore.storage.layout import Layout
from mtstore.storage.maintenance.problems import Problem, unknown_files
from mtstore.storage.reading.attach import attached

if TYPE_CHECKING:
    import duckdb

_REPAIR = "`mtstore repair` sets it aside and rebuilds the database file"
_ALIAS = "checked"
# These may differ between two databases built from the same log.
_UNCOMPARED = frozenset({"object_digests"})


def check_snapshots(
    layout: Layout, newest: int, expected: duckdb.DuckDBPyConnection | None, *, with_objects: bool
) -> Iterator[Problem]:
    """Yield the problems of the database files up to snapshot `newest`.

    The current database of `expected` is the replayed log (None: the log is broken). `with_objects` compares the views
    and macros as well as the tables.
    """
    for number in sorted({*layout.snapshots(layout.catalog), *layout.snapshots(layout.public)}):
        if number > newest:
            continue
        private, public = layout.catalog_file(number), layout.public_file(number)
        faults = _faults_of(private, public, is_newest=number == newest)
        if number == newest and private.exists() and private not in faults:
            fault = (
                find_fault(private)
                if expected is None
                else find_difference(expected, private, with_objects=with_objects)
            )
            if fault is not None:
                faults[private] = fault
        for path, fault in faults.items():
            where = "catalog" if path == private else "public"
            yield Problem(str(path.relative_to(layout.root)), fault, _REPAIR, where)
    yield from _check_link(layout, newest)
    yield from _unknown_files(layout)


def _faults_of(private: Path, public: Path, *, is_newest: bool) -> dict[Path, str]:
    """Return what is wrong with a snapshot's two files, by file."""
    contents = {path: _read(path) for path in (private, public)}
    if contents[private] is None:
        return {private: "is missing"} if is_newest else {public: "has no private snapshot beside it"}
    if contents[private] == contents[public]:
        return {}
    faults = {path: fault for path in (private, public) if (fault := find_fault(path)) is not None}
    if contents[public] is None and is_newest:
        faults[public] = "is missing"
    elif contents[public] is not None and not faults:
        faults[public] = "differs from the private snapshot; one of the two is damaged"
    return faults


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def find_fault(path: Path) -> str | None:
    """Return why a database file cannot be read to its end; None for a sound or missing one."""
    import duckdb

    if not path.exists():
        return None
    try:
        with open_for_check(path) as connection:
            for (name,) in connection.execute(sqlfiles.load("verify.core_table_names")).fetchall():
                table = sqlfiles.join((identifier("core"), identifier(name)), ".")
                connection.execute(sqlfiles.load("verify.read_whole_table", table=table)).fetchall()
    except duckdb.Error as error:
        return f"cannot be read: {_first_line(error)}"
    return None


def find_difference(expected: duckdb.DuckDBPyConnection, path: Path, *, with_objects: bool = True) -> str | None:
    """Return how a database file differs from the current database of `expected`; None if it does not."""
    import duckdb

    try:
        with tempfile.TemporaryDirectory(prefix="mtstore-verify-") as folder:
            copy = shutil.copyfile(path, Path(folder) / path.name)
            # One of an earlier version has fewer columns; the next commit would add them.
            with attached(copy, read_only=False) as connection:
                add_later_tables(connection)
            alias = identifier(_ALIAS)
            expected.execute(sqlfiles.load("snapshot.attach", path=literal(str(copy)), alias=alias))
            try:
                different = _different_tables(expected)
                if with_objects:
                    different += _different_objects(expected)
            finally:
                expected.execute(sqlfiles.load("snapshot.detach", alias=alias))
    except (duckdb.Error, StoreError) as error:
        return f"cannot be read: {_first_line(error.__cause__ or error)}"
    return f"is not what the log says: {', '.join(different[:5])}" if different else None


def _different_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    different = []
    for (name,) in connection.execute(sqlfiles.load("verify.core_table_names")).fetchall():
        if name in _UNCOMPARED:
            continue
        expected = sqlfiles.join((identifier("core"), identifier(name)), ".")
        found = sqlfiles.join((identifier(_ALIAS), expected), ".")
        counted = connection.execute(sqlfiles.load("verify.count_differences", expected=expected, found=found))
        missing, unexpected = counted.fetchone() or (0, 0)
        if missing or unexpected:
            different.append(f"core.{name} misses {missing} rows and has {unexpected} unexpected")
    return different


def _different_objects(connection: duckdb.DuckDBPyConnection) -> list[str]:
    (current,) = connection.execute(sqlfiles.load("snapshot.current_database")).fetchone() or ("",)
    statement = sqlfiles.load("objects.object_definitions")
    expected = connection.execute(statement).fetchall()
    connection.execute(sqlfiles.load("snapshot.use_database", alias=identifier(_ALIAS)))
    found = connection.execute(statement).fetchall()
    connection.execute(sqlfiles.load("snapshot.use_database", alias=identifier(current)))
    return sorted({f"the {kind} {name}" for kind, name, _ in set(expected) ^ set(found)})


@contextmanager
def open_for_check(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to a copy of a database file: DuckDB never opens the original, which it could change."""
    with tempfile.TemporaryDirectory(prefix="mtstore-verify-") as folder:
        copy = shutil.copyfile(path, Path(folder) / path.name)
        connection = new_instance()
        try:
            alias = identifier(_ALIAS)
            connection.execute(sqlfiles.load("snapshot.attach", path=literal(str(copy)), alias=alias))
            connection.execute(sqlfiles.load("snapshot.use_database", alias=alias))
            yield connection
        finally:
            connection.close()


def _check_link(layout: Layout, newest: int) -> Iterator[Problem]:
    name = layout.public_link.name
    if not layout.public_link.is_symlink():
        yield Problem(name, "is not the link to the newest public copy", _REPAIR, "public")
    elif layout.published_snapshot() is None or (layout.published_snapshot() or 0) < newest:
        target = layout.public_link.readlink()
        yield Problem(name, f"points at {target}, not at snapshot {newest}", _REPAIR, "public")


def _unknown_files(layout: Layout) -> Iterator[Problem]:
    known = {layout.catalog_file(number) for number in layout.snapshots(layout.catalog)}
    known |= {layout.public_file(number) for number in layout.snapshots(layout.public)}
    paths = [path for folder in (layout.catalog, layout.public) for path in sorted(folder.rglob("*"))]
    # A running commit copies its public file in a folder `building-…`.
    files = [path for path in paths if path.is_file() and not path.parent.name.startswith("building-")]
    return unknown_files(layout, files, known, "is not a database file of the store")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
