"""Reading: one in-memory DuckDB instance per store, with the newest generation attached read-only.

Attaching costs a millisecond, so every use looks whether there is a newer generation; whoever holds a snapshot keeps
the one it began with. A generation is detached when its last reader has left.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.arguments import size_bytes
from mtstore.duckdb_instance import new_instance
from mtstore.errors import StoreError
from mtstore.sqlfiles import identifier, literal
from mtstore.storage.layout import Layout
from mtstore.storage.reading import spill
from mtstore.storage.reading.attach import readable, reading

if TYPE_CHECKING:
    import duckdb


class Engine:
    """Read connections to a store; safe to share between threads."""

    def __init__(self, layout: Layout, memory_limit: str | int | None = None) -> None:
        self._layout = layout
        self._memory_limit = None if memory_limit is None else size_bytes(memory_limit)
        self._guard = threading.Lock()
        self._instance: duckdb.DuckDBPyConnection | None = None
        self._readers: dict[int, int] = {}
        self._pinned = threading.local()
        self._is_closed = False

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose current database is the newest generation (or the pinned one), with its time zone UTC."""
        pinned: int | None = getattr(self._pinned, "generation", None)
        generation, cursor = self._enter(pinned)
        try:
            with reading(self._layout.catalog_file(generation)):
                cursor.execute(sqlfiles.load("snapshot.use_database", alias=_alias(generation)))
                yield cursor
        finally:
            cursor.close()
            self._leave(generation)

    @contextmanager
    def pinned(self, wanted: int | None = None) -> Iterator[int]:
        """Keep this thread on one generation for the length of the block; gives its number.

        It is `wanted`, which another thread holds, else the one that this thread is on, else the newest.
        """
        outer: int | None = getattr(self._pinned, "generation", None)
        generation, cursor = self._enter(outer if wanted is None else wanted)
        cursor.close()
        self._pinned.generation = generation
        try:
            yield generation
        finally:
            self._pinned.generation = outer
            self._leave(generation)

    def close(self) -> None:
        """Let go of everything; connections that are still out are closed with it."""
        with self._guard:
            self._is_closed = True
            if self._instance is not None:
                self._instance.close()
                self._instance = None
            self._readers.clear()

    def _enter(self, wanted: int | None) -> tuple[int, duckdb.DuckDBPyConnection]:
        with self._guard:
            if self._is_closed:
                raise StoreError(f"{self._layout.root}: this store was closed; open it again to read it")
            generation = wanted if wanted is not None else self._layout.newest_snapshot()
            if not generation:
                raise StoreError(f"{self._layout.catalog}: the store has no generation; `mtstore rebuild` makes one")
            if self._instance is None:
                self._instance = self._new_instance()
            if generation not in self._readers:
                self._attach(generation)
            self._readers[generation] = self._readers.get(generation, 0) + 1
            self._detach_unused(generation)
            return generation, self._instance.cursor()

    def _leave(self, generation: int) -> None:
        with self._guard:
            if generation in self._readers:
                self._readers[generation] -= 1

    def _attach(self, generation: int) -> None:
        assert self._instance is not None  # noqa: S101 - the caller has just made it
        path = literal(str(self._layout.catalog_file(generation)))
        with readable(self._layout.catalog_file(generation)):
            self._instance.execute(sqlfiles.load("snapshot.attach_only", path=path, alias=_alias(generation)))
        self._readers[generation] = 0

    def _detach_unused(self, current: int) -> None:
        for generation in [number for number, readers in self._readers.items() if readers == 0 and number != current]:
            assert self._instance is not None  # noqa: S101 - the caller has just made it
            self._instance.execute(sqlfiles.load("snapshot.detach", alias=_alias(generation)))
            del self._readers[generation]

    def _new_instance(self) -> duckdb.DuckDBPyConnection:
        limit = {} if self._memory_limit is None else {"memory_limit": f"{self._memory_limit}B"}
        return new_instance(temp_directory=str(spill.new_folder(self._layout)), **limit)


def _alias(generation: int) -> sqlfiles.Sql:
    return identifier(f"g{generation:06d}")
