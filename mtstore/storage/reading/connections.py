"""Read connections: one in-memory DuckDB instance per store, with the newest snapshot attached read-only.

Attaching costs a millisecond, so every use looks for a newer snapshot; an open reader keeps its own. A snapshot is
detached when its last reader has closed.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.arguments import size_bytes
from mtstore.duckdb_instance import new_instance
from mtstore.errors import StoreError
from mtstore.sqlfiles import identifier, literal
from mtstore.storage.layout import Layout, new_id
from mtstore.storage.reading.attach import io_errors, open_errors, openable

if TYPE_CHECKING:
    import duckdb

_SPILL_NAME = re.compile(r"spill-(?P<host>.*)-(?P<pid>[0-9]+)-[0-9a-f]+-[0-9a-f]+\Z")
_SANDBOX_FOLDERS = ("data", "meta", "catalog")  # what the views read, and the snapshots that are attached


class Connections:
    """Read connections to a store, shared between threads."""

    def __init__(self, layout: Layout, memory_limit: str | int | None = None) -> None:
        self._layout = layout
        self._memory_limit = None if memory_limit is None else size_bytes(memory_limit)
        self._guard = threading.Lock()
        self._instance: duckdb.DuckDBPyConnection | None = None
        self._readers: dict[int, int] = {}  # by snapshot
        self._pinned = threading.local()
        self._is_closed = False

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a cursor whose current database is this thread's pinned snapshot, else the newest; its zone is UTC."""
        snapshot, cursor = self._enter(self._pinned_snapshot())
        try:
            with io_errors(self._layout.catalog_file(snapshot)):
                cursor.execute(sqlfiles.load("snapshot.use_database", alias=_alias(snapshot)))
                yield cursor
        finally:
            cursor.close()
            self._leave(snapshot)

    @contextmanager
    def pinned(self, number: int | None = None) -> Iterator[int]:
        """Keep this thread on one snapshot for the length of the block; yields its number.

        It is `number`, which another thread holds, else the one that this thread is on, else the newest.
        """
        outer = self._pinned_snapshot()
        snapshot, cursor = self._enter(outer if number is None else number)
        cursor.close()
        self._pinned.snapshot = snapshot
        try:
            yield snapshot
        finally:
            self._pinned.snapshot = outer
            self._leave(snapshot)

    def close(self) -> None:
        """Close the instance, and with it the connections that are still open."""
        with self._guard:
            self._is_closed = True
            if self._instance is not None:
                self._instance.close()
                self._instance = None
            self._readers.clear()

    def _pinned_snapshot(self) -> int | None:
        return getattr(self._pinned, "snapshot", None)

    def _enter(self, number: int | None) -> tuple[int, duckdb.DuckDBPyConnection]:
        with self._guard:
            if self._is_closed:
                raise StoreError(f"{self._layout.root}: this store was closed; open it again to read it")
            snapshot = self._layout.newest_snapshot() if number is None else number
            if not snapshot:
                raise StoreError(
                    f"{self._layout.catalog}: the store has no snapshot; "
                    f"`mtstore rebuild {self._layout.root}` makes one"
                )
            if self._instance is None:
                self._instance = self._new_instance()
            if snapshot not in self._readers:
                self._attach(self._instance, snapshot)
            self._readers[snapshot] += 1
            for unused in [one for one, readers in self._readers.items() if not readers and one != snapshot]:
                self._instance.execute(sqlfiles.load("snapshot.detach", alias=_alias(unused)))
                del self._readers[unused]
            return snapshot, self._instance.cursor()

    def _leave(self, snapshot: int) -> None:
        # Not detached here: the next use most often reads the same snapshot.
        with self._guard:
            if snapshot in self._readers:
                self._readers[snapshot] -= 1

    def _attach(self, instance: duckdb.DuckDBPyConnection, snapshot: int) -> None:
        path = self._layout.catalog_file(snapshot)
        with open_errors(path), openable(path) as name:
            instance.execute(sqlfiles.load("snapshot.attach", path=literal(name), alias=_alias(snapshot)))
        self._readers[snapshot] = 0

    def _new_instance(self) -> duckdb.DuckDBPyConnection:
        # DuckDB names spill files alike in all processes, so each instance needs a folder that no other has. DuckDB
        # creates it at the first spill and deletes it at the end.
        spill = self._layout.tmp / f"spill-{socket.gethostname()}-{os.getpid()}-{new_id()}"
        limit = {} if self._memory_limit is None else {"memory_limit": f"{self._memory_limit}B"}
        return new_instance(temp_directory=str(spill), **limit)


class SandboxedConnections(Connections):
    """Read connections for statements that a user wrote: they open no file beyond the store.

    They follow the snapshots pinned on `shared`, but have an instance of their own, because its configuration is
    locked. `memory_limit` is DuckDB's for this instance (`2GB`); None takes that of `shared`.
    """

    def __init__(self, shared: Connections, memory_limit: str | int | None = None) -> None:
        super().__init__(shared._layout, memory_limit or shared._memory_limit)
        self._pinned = shared._pinned

    def _new_instance(self) -> duckdb.DuckDBPyConnection:
        instance = super()._new_instance()
        folders = literal([str(self._layout.root / name) for name in _SANDBOX_FOLDERS])
        instance.execute(sqlfiles.load("sandbox.lock_down", folders=folders))
        return instance


def sweep_spill_folders(layout: Layout) -> None:
    """Delete the spill folders that dead processes of this host left."""
    for folder in layout.tmp.glob("spill-*"):
        match = _SPILL_NAME.match(folder.name)
        if match is not None and match["host"] == socket.gethostname() and not _is_alive(int(match["pid"])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's process
    return True


def _alias(snapshot: int) -> sqlfiles.Sql:
    return identifier(f"g{snapshot:06d}")
