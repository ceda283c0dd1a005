"""Folding log records into the metadata tables: the one way in which those tables ever change.

A commit folds its own records into a copy of the last generation; `rebuild` folds all of the log into an empty
database. Both run this code, which is why they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.ranges import iso_instant
from mtstore.sqlfiles import identifier
from mtstore.storage.commit.commit_log import LogEntry, LogRecord
from mtstore.storage.files.data_file import DataFile

if TYPE_CHECKING:
    import duckdb

# A put replaces the rows with the same key; tables without a key only grow.
KEYS: dict[str, tuple[str, ...]] = {
    "files": ("file_id",),
    "retired_files": ("file_id",),
    "coverage_ledger": (),
    "sources": ("source",),
    "ticker_settings": ("ticker",),
    "calendars": ("calendar",),
    "sessions": ("calendar", "session_date"),
    "splits": ("ticker", "execution_date"),
    "dividends": ("ticker", "ex_dividend_date", "dividend_type"),
    "ingest_runs": ("run_id",),
    "inputs": ("input_key",),
    "settings": ("key",),
    "meta_files": ("path",),
    "pins": ("ticker",),
    "uses": ("ticker", "year"),
}
# Rows of these tables say which commit wrote them.
_STAMPED = frozenset({"files", "retired_files", "coverage_ledger", "inputs"})

# What the table `session_days` is made from; a ticker without settings has its calendar's own key.
_SESSION_INPUTS = frozenset({"calendars", "sessions", "ticker_settings"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Describe = Callable[[str], DataFile]


def replay_entry(connection: duckdb.DuckDBPyConnection, entry: LogEntry, describe: Describe) -> None:
    """Fold one commit into the tables of the connection's current database.

    `describe` gives the facts of a data file by its path: from memory while committing, from its footer in a rebuild.
    """
    from mtstore.storage.commit.forget import forget

    for (operation, table), group in groupby(entry.records, key=lambda record: (record.op, record.table)):
        rows = [_complete(record, entry.generation, describe) for record in group]
        if operation == "put":
            upsert_rows(connection, table, rows)
        elif operation == "forget":
            forget(connection, rows)
        else:
            _delete(connection, table, rows)


def upsert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into a metadata table of the current database; those of the same key are replaced, by the last one."""
    if KEYS[table]:
        _delete(connection, table, rows)
        rows = list({tuple(str(row.get(key)) for key in KEYS[table]): row for row in rows}.values())
    with _incoming(connection, rows):
        connection.execute(sqlfiles.load("commit.insert_rows", table=identifier(table)))


def _complete(record: LogRecord, generation: int, describe: Describe) -> dict[str, Any]:
    row = dict(record.row)
    if record.op == "put" and record.table == "files":
        row = to_file_row(describe(row["path"]))
    if record.op == "put" and record.table in _STAMPED:
        row["generation"] = generation
    return row


def to_file_row(file: DataFile) -> dict[str, Any]:
    """A data file as a row of `core.files`, without its generation."""
    row = asdict(file)
    for column in ("ts_min", "ts_max", "written_at"):
        row[column] = iso_instant(row.pop(f"{column}_us"))
    return row


def _delete(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    keys = sqlfiles.join((identifier(key) for key in KEYS[table]), ", ")
    with _incoming(connection, rows):
        connection.execute(sqlfiles.load("commit.delete_rows", table=identifier(table), keys=keys))


@contextmanager
def _incoming(connection: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Rows as the relation `incoming`, for the statements that read it."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    connection.register("incoming", pa.table({name: [row.get(name) for row in rows] for name in names}))
    yield
    connection.unregister("incoming")  # after an error the transaction, and with it the connection, is given up


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the empty metadata tables in the connection's current database."""
    connection.execute(sqlfiles.load("schema/tables"))
    add_later_tables(connection)


def add_later_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables and columns that the first stores did not have."""
    connection.execute(sqlfiles.load("schema/cache_tables"))
    connection.execute(sqlfiles.load("schema/input_columns"))


def refresh_derived_tables(
    connection: duckdb.DuckDBPyConnection,
    infer_calendar: Callable[[str, str, str | None], str],
    changed: Collection[str] | None = None,
) -> None:
    """Recompute the tables that follow from others: `series`, `ticker_list`, `session_days`.

    `changed` are the tables that were folded into since the last time; None: any. The time lines of sessions, which are
    long, are laid out anew only where their own inputs changed.
    """
    import pyarrow as pa

    connection.execute(sqlfiles.load("derive.refresh_series"))
    unnamed = connection.execute(sqlfiles.load("derive.tickers_without_calendar")).fetchall()
    inferred = {
        "ticker": [row[0] for row in unnamed],
        "calendar": [infer_calendar(ticker, provider or "", dataset) for ticker, provider, dataset in unnamed],
    }
    schema = pa.schema([("ticker", pa.string()), ("calendar", pa.string())])
    connection.register("inferred_calendars", pa.table(inferred, schema=schema))
    connection.execute(sqlfiles.load("derive.refresh_ticker_list"))
    connection.unregister("inferred_calendars")
    if changed is None or not _SESSION_INPUTS.isdisjoint(changed):
        connection.execute(sqlfiles.load("session_days.build"))
