"""Start a DuckDB instance with our settings; fetch rows as dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles

if TYPE_CHECKING:
    import duckdb

    from mtstore.sqlfiles import Sql


def new_instance(**settings: str) -> duckdb.DuckDBPyConnection:
    """A new in-memory instance; `settings` are DuckDB's own (`memory_limit`, `temp_directory`)."""
    import duckdb

    # A name that SQL does not know must be an error, not whatever a variable of that name holds.
    config: dict[str, str | bool | int | float | list[str]] = {"python_enable_replacements": "false", **settings}
    connection = duckdb.connect(":memory:", config=config)
    connection.execute(sqlfiles.load("snapshot.set_session_options"))
    if connection.execute(sqlfiles.load("snapshot.has_progress_bar")).fetchall() == [(True,)]:
        connection.execute(sqlfiles.load("snapshot.hide_progress_bar"))
    return connection


def fetch_rows(connection: duckdb.DuckDBPyConnection, statement: Sql, parameters: Any = None) -> list[dict[str, Any]]:
    """A statement's answer as dictionaries."""
    cursor = connection.execute(statement, parameters)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
