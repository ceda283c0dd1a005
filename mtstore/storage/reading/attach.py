"""Attach a snapshot of the database file, each in an in-memory instance of its own.

DuckDB keeps one instance per path and process: connecting by path shows an old snapshot while any reader still holds
it. Attaching from an in-memory instance always opens the current file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mtstore import sqlfiles
from mtstore.duckdb_instance import new_instance
from mtstore.errors import MemoryLimitError, SnapshotExpiredError, StoreError
from mtstore.sqlfiles import identifier, literal

if TYPE_CHECKING:
    import duckdb

DESCRIPTORS: Final = "/proc/self/fd"


@contextmanager
def open_errors(path: Path) -> Iterator[None]:
    """Raise DuckDB's errors about opening a snapshot as errors that name the remedy."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MemoryLimitError(f"{path}: the memory_limit is too little to open the store: {error}") from error
    except duckdb.Error as error:
        if not path.exists():
            raise SnapshotExpiredError(
                f"{path} is gone: the grace period of this snapshot is over; read the newest one"
            ) from error
        raise StoreError(
            f"{path}: the store's database file cannot be opened; "
            f"`mtstore rebuild` rebuilds it from data/ and meta/: {error}"
        ) from error


@contextmanager
def io_errors(path: Path) -> Iterator[None]:
    """Raise the device's errors about reading an open snapshot as StoreError."""
    import duckdb

    try:
        yield
    except duckdb.IOException as error:
        raise StoreError(f"{path}: the store cannot be read: {error}") from error


@contextmanager
def openable(path: Path) -> Iterator[str]:
    """Yield a path by which DuckDB opens a database file.

    DuckDB reads a backslash as a slash when it opens a database, and nowhere else. Such a folder is passed by its file
    descriptor, while the block lasts.
    """
    if "\\" not in str(path):
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"{DESCRIPTORS}/{folder}/{path.name}"
    finally:
        os.close(folder)


@contextmanager
def attached(path: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection whose current database is the file at `path`, in an instance of its own.

    Leaving the block writes all changes into the file and detaches it, so that no write-ahead log stays behind.
    """
    connection = new_instance()
    try:
        alias = identifier(f"g{path.stem}")
        kind = "snapshot.attach" if read_only else "snapshot.attach_new"
        with openable(path) as name:
            with open_errors(path):
                connection.execute(sqlfiles.load(kind, path=literal(name), alias=alias))
                connection.execute(sqlfiles.load("snapshot.use_database", alias=alias))
            with io_errors(path) if read_only else nullcontext():
                yield connection
            if not read_only:
                connection.execute(sqlfiles.load("snapshot.checkpoint_and_detach", alias=alias))
    finally:
        connection.close()
