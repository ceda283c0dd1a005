"""DuckDB instances as mtstore wants them: in memory, in UTC, silent, and blind to Python's variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore import sqlfiles

if TYPE_CHECKING:
    import duckdb


def new_instance(**settings: str) -> duckdb.DuckDBPyConnection:
    """A new in-memory instance; `settings` are DuckDB's own (`memory_limit`, `temp_directory`)."""
    import duckdb

    # A name that SQL does not know must be an error, not whatever a variable of that name holds.
    config: dict[str, str | bool | int | float | list[str]] = {"python_enable_replacements": "false", **settings}
    connection = duckdb.connect(":memory:", config=config)
    connection.execute(sqlfiles.load("queries/set_session_options"))
    return connection
