"""Reading for statements of anybody: a DuckDB instance that can open the store's files and nothing else.

It stands beside the store's own instance, because its configuration is locked and its folders are fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.sqlfiles import literal
from mtstore.storage.reading.connections import Engine

if TYPE_CHECKING:
    import duckdb

_FOLDERS = ("data", "meta", "catalog")  # what the views read, and the generations that are attached


class SandboxedConnections(Engine):
    """Read connections that reach no file beyond the store; they follow the snapshots pinned on `engine`.

    `memory_limit` is DuckDB's for this instance (`2GB`); None takes that of `engine`.
    """

    def __init__(self, engine: Engine, memory_limit: str | int | None = None) -> None:
        super().__init__(engine._layout, memory_limit or engine._memory_limit)
        self._pinned = engine._pinned

    def _new_instance(self) -> duckdb.DuckDBPyConnection:
        connection = super()._new_instance()
        folders = literal([str(self._layout.root / name) for name in _FOLDERS])
        connection.execute(sqlfiles.load("sandbox.lock_down", folders=folders))
        return connection
