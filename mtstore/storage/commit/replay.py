"""Apply log records to the metadata tables: the only code that changes those tables.

A commit applies its own records to a copy of the last snapshot; `rebuild` applies the whole log to an empty database.
Both run this code, so they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.ranges import Ranges, TimeRange, iso_instant, normalise, subtract
from mtstore.sqlfiles import Sql, identifier
from mtstore.storage.commit.commit_log import LogEntry, LogRecord
from mtstore.storage.commit.coverage_ledger import range_values
from mtstore.storage.files.data_file import DataFile

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# An upsert replaces the rows with the same key; tables without a key only grow, but for splits and dividends.
KEYS: dict[str, tuple[str, ...]] = {
    "files": ("file_id",),
    "retired_files": ("file_id",),
    "coverage_ledger": (),
    "sources": ("source",),
    "ticker_settings": ("ticker",),
    "calendars": ("calendar",),
    "sessions": ("calendar", "session_date"),
    "splits": (),
    "dividends": (),
    "ingest_runs": ("run_id",),
    "inputs": ("input_key",),
    "settings": ("key",),
    "meta_files": ("path",),
    "observed_calendars": ("ticker",),
    "pins": ("ticker",),
    "uses": ("ticker", "year"),
}
# A run's rows leave the ledger, which has no key, together.
_DELETE_KEYS = KEYS | {"coverage_ledger": ("run_id",)}
# An upsert of a split or dividend replaces the reports of the same event of its source, which the source's id names, or
# else all of these values.
_EVENT_VALUES: dict[str, tuple[str, ...]] = {
    "splits": ("execution_date", "split_from", "split_to"),
    "dividends": ("ex_dividend_date", "cash_amount", "currency", "dividend_type"),
}
_EVENT_AMOUNTS = {"splits": _EVENT_VALUES["splits"], "dividends": _EVENT_VALUES["dividends"][:2]}
# By these, records of the first stores replaced the earlier ones. They have no `event_id`.
_FIRST_EVENT_KEYS = {
    "splits": ("ticker", "execution_date"),
    "dividends": ("ticker", "ex_dividend_date", "dividend_type"),
}
# Tables whose column `generation` has the number of the snapshot that wrote the row.
_STAMPED = frozenset({"files", "retired_files", "coverage_ledger", "inputs"})

# The tables that `session_days` is derived from; a ticker without settings has its calendar's own key.
_SESSION_INPUTS = frozenset({"calendars", "sessions", "ticker_settings"})

_LEDGER = "coverage_ledger"

FileLookup = Callable[[str], DataFile]
"""Returns a data file by its path: from memory during a commit, from its footer in a rebuild."""


def replay_entry(connection: duckdb.DuckDBPyConnection, entry: LogEntry, lookup: FileLookup) -> None:
    """Apply one commit to the tables of the connection's current database."""
    # Neighbours of the same kind become one statement; the order of the log is kept.
    for (operation, table, _), group in groupby(entry.records, key=_kind):
        rows = [_complete(record, entry.snapshot, lookup) for record in group]
        if operation == "put_columns":
            _upsert_table(connection, table, _joined(rows))
        elif operation == "put":
            upsert_rows(connection, table, rows)
        elif operation == "forget":
            _remove_coverage(connection, rows)
        else:
            _delete(connection, table, _to_table(rows))


def _kind(record: LogRecord) -> tuple[str, str, tuple[str, ...]]:
    # Events are deleted by the columns that the record names, and those of the first stores have other columns.
    return record.op, record.table, tuple(record.row) if record.table in _EVENT_VALUES else ()


def upsert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows into a metadata table; of rows with the same key, the last one stays."""
    if table in _EVENT_VALUES:
        _put_events(connection, table, rows)
        return
    if KEYS[table]:
        rows = list({tuple(str(row.get(key)) for key in KEYS[table]): row for row in rows}.values())
    _upsert_table(connection, table, _to_table(rows))


def _upsert_table(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    if KEYS[table]:
        _delete(connection, table, rows)
    with _incoming(connection, rows):
        connection.execute(sqlfiles.load("commit.insert_rows", table=identifier(table)))


def _put_events(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    if any("event_id" not in row for row in rows):
        _delete(connection, table, _to_table(rows), _FIRST_EVENT_KEYS[table])
    with _incoming(connection, _to_table(list({_event_identity(table, row): row for row in rows}.values()))):
        names = {"values": _column_list(_EVENT_VALUES[table]), "amounts": _column_list(_EVENT_AMOUNTS[table])}
        connection.execute(sqlfiles.load("commit.put_events", table=identifier(table), **names))


def _event_identity(table: str, row: dict[str, Any]) -> tuple[str, ...]:
    names = ("event_id",) if row.get("event_id") is not None else _EVENT_VALUES[table]
    return tuple(str(row.get(name)) for name in ("source", "ticker", *names))


def _complete(record: LogRecord, snapshot: int, lookup: FileLookup) -> dict[str, Any]:
    row = dict(record.row)
    if record.op == "put" and record.table == "files":
        row = to_file_row(lookup(row["path"]))
    if record.op == "put" and record.table in _STAMPED:
        row.setdefault("generation", snapshot)  # a row that `undo` restores keeps its own
    return row


def to_file_row(file: DataFile) -> dict[str, Any]:
    """Return a data file as a row of `core.files`, without its column `generation`."""
    row = asdict(file)
    for column in ("ts_min", "ts_max", "written_at"):
        row[column] = iso_instant(row.pop(f"{column}_us"))
    return row


def _delete(
    connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, keys: Sequence[str] | None = None
) -> None:
    names = _column_list(keys or (rows.column_names if table in _EVENT_VALUES else _DELETE_KEYS[table]))
    with _incoming(connection, rows):
        connection.execute(sqlfiles.load("commit.delete_rows", table=identifier(table), keys=names))


def _column_list(names: Iterable[str]) -> Sql:
    return sqlfiles.join((identifier(name) for name in names), ", ")


def _to_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def _joined(columns: Sequence[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables([pa.table(one) for one in columns], promote_options="default")


@contextmanager
def _incoming(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> Iterator[None]:
    """Register rows as the relation `incoming`."""
    connection.register("incoming", rows)
    yield
    connection.unregister("incoming")  # not after an error: the connection is closed with its transaction


def removal_record(
    source: str, schema: str, ticker: str, ranges: Iterable[TimeRange], run_id: str | None = None
) -> LogRecord:
    """Return the log record that removes ranges of a series from the coverage ledger; by its run, `undo` finds it."""
    bounds = [[span.start_us, span.end_us] for span in normalise(ranges)]
    row = {"source": source, "schema": schema, "ticker": ticker, "ranges": bounds, "run_id": run_id}
    return LogRecord("forget", _LEDGER, row)


def _remove_coverage(connection: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Cut ranges out of the ledger of the current database."""
    # A newer 'failed' row would not do: it never overrides an older row that covers the same range.
    ledger = fetch_rows(connection, sqlfiles.load("commit.coverage_ledger"))
    for row in rows:
        removed = normalise(TimeRange(*bounds) for bounds in row["ranges"])
        ledger = [part for old in ledger for part in _cut(old, row, removed)]
    connection.execute(sqlfiles.load("commit.clear_coverage_ledger"))
    if ledger:  # written back in the same order: later rows override earlier ones
        upsert_rows(connection, _LEDGER, [_to_record_row(row) for row in ledger])


def _cut(old: dict[str, Any], row: dict[str, Any], removed: Ranges) -> Iterator[dict[str, Any]]:
    """Split a ledger row that covers `removed`: one row for the other tickers, one for the ranges that stay."""
    matches = (old["source"], old["schema"]) == (row["source"], row["schema"]) and row["ticker"] in old["tickers"]
    covered = normalise(TimeRange(*bounds) for bounds in zip(old["starts_us"], old["ends_us"], strict=True))
    left = subtract(covered, removed) if matches else covered
    if left == covered:
        yield old
        return
    others = [ticker for ticker in old["tickers"] if ticker != row["ticker"]]
    if others:
        yield old | {"tickers": others}
    if left:
        starts, ends = [span.start_us for span in left], [span.end_us for span in left]
        yield old | {"tickers": [row["ticker"]], "starts_us": starts, "ends_us": ends}


def _to_record_row(row: dict[str, Any]) -> dict[str, Any]:
    row = dict(row)
    bounds = zip(row.pop("starts_us"), row.pop("ends_us"), strict=True)
    row["ranges"] = range_values(TimeRange(*pair) for pair in bounds)
    for column in ("fetched_at", "fresh_until"):
        at_us = row.pop(f"{column}_us")
        row[column] = None if at_us is None else iso_instant(at_us)
    return row


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the empty metadata tables in the connection's current database."""
    connection.execute(sqlfiles.load("schema/tables"))
    add_later_tables(connection)


def add_later_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables and columns that stores of earlier versions do not have."""
    connection.execute(sqlfiles.load("schema/cache_tables"))
    connection.execute(sqlfiles.load("schema/later_columns"))


def refresh_derived_tables(
    connection: duckdb.DuckDBPyConnection,
    infer_calendar: Callable[[str, str, str | None], str],
    changed: Collection[str] | None = None,
) -> None:
    """Recompute `series`, `ticker_list` and, if its inputs are among the `changed` tables, `session_days`."""
    refresh_ticker_list(connection, infer_calendar)
    refresh_session_days(connection, changed)


def refresh_ticker_list(
    connection: duckdb.DuckDBPyConnection, infer_calendar: Callable[[str, str, str | None], str]
) -> None:
    """Recompute `series` and `ticker_list`."""
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


def refresh_session_days(connection: duckdb.DuckDBPyConnection, changed: Collection[str] | None = None) -> None:
    """Recompute `series_sessions`, and `session_days` if an input of it is among the `changed` tables (None: all)."""
    if changed is None or not _SESSION_INPUTS.isdisjoint(changed):
        connection.execute(sqlfiles.load("session_days.build"))
    connection.execute(sqlfiles.load("derive.refresh_series_sessions"))
