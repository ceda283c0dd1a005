"""Opening generations of the database file: each in an in-memory instance of its own, under a name of its own.

DuckDB keeps one instance per path and process, and shows an old generation to whoever connects by path while anybody
still holds it; attaching from an in-memory instance always opens what is there now.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import new_instance
from mtstore.errors import MemoryLimitError, SnapshotExpiredError, StoreError
from mtstore.sqlfiles import identifier, literal

if TYPE_CHECKING:
    import duckdb


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """DuckDB's refusal to open a generation, as an error that says what mends it."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MemoryLimitError(f"{path}: the memory_limit is too little to open the store: {error}") from error
    except duckdb.Error as error:
        if not path.exists():
            raise SnapshotExpiredError(
                f"{path} is gone: the grace period of this generation is over; read the newest one"
            ) from error
        raise StoreError(
            f"{path}: the store's database file cannot be opened; "
            f"`mtstore rebuild` makes it anew from data/ and meta/: {error}"
        ) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What the device refuses while an open database is read, as an error of ours."""
    import duckdb

    try:
        yield
    except duckdb.IOException as error:
        raise StoreError(f"{path}: the store cannot be read: {error}") from error


@contextmanager
def attached(path: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own in-memory instance whose current database is the file at `path`.

    Leaving the block writes everything into the file and lets go of it: no write-ahead log stays behind.
    """
    connection = new_instance()
    try:
        alias = identifier(f"g{path.stem}")
        kind = "snapshot.attach_read_only" if read_only else "snapshot.attach_read_write"
        with readable(path):
            connection.execute(sqlfiles.load(kind, path=literal(str(path)), alias=alias))
        if read_only:
            with reading(path):
                yield connection
        else:
            yield connection
            connection.execute(sqlfiles.load("snapshot.checkpoint_and_detach", alias=alias))
    finally:
        connection.close()
