"""Restore rows of metadata tables that a run's commits replaced: the log without these says what there was."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import new_instance
from mtstore.sqlfiles import identifier
from mtstore.storage.commit import replay
from mtstore.storage.commit.commit_log import LogRecord, read_entry
from mtstore.storage.files.data_file import DataFile

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.commit.commit import Commit

_EVENTS = ("splits", "dividends")


def restore_events(commit: Commit, snapshots: Collection[int]) -> None:
    """Give the tickers whose events the commits `snapshots` changed the events that they would have without these."""
    for table in _EVENTS:
        _restore_events(commit, snapshots, table)


def _restore_events(commit: Commit, snapshots: Collection[int], table: str) -> None:
    changed = {_series_of_event(record) for record in _records(commit, snapshots, table)}
    if changed:
        # Events have no number of their run.
        rows = _rows_without(commit, snapshots, table, lambda record: _series_of_event(record) in changed)
        commit.delete(table, [{"source": source, "ticker": ticker} for source, ticker in sorted(changed)])
        commit.upsert(table, rows)


def restore_coverage_and_inputs(commit: Commit, run_id: str, snapshots: Collection[int]) -> None:
    """Restore the coverage and the inputs of other runs that the commits `snapshots` of a run removed."""
    if any(record.op == "forget" for record in _records(commit, snapshots, "coverage_ledger")):
        stored = _by_run(_stored_rows(commit.reader, "coverage_ledger"))
        without = _by_run(_rows_without(commit, snapshots, "coverage_ledger", lambda _: True))
        for other, rows in without.items():
            if other != run_id and rows != stored.get(other):
                commit.delete("coverage_ledger", [{"run_id": other}])
                commit.upsert("coverage_ledger", rows)
    deleted = [record for record in _records(commit, snapshots, "inputs") if record.op == "delete"]
    keys = {record.row["input_key"] for record in deleted}
    if keys:
        commit.upsert("inputs", _rows_without(commit, snapshots, "inputs", lambda one: one.row["input_key"] in keys))


def _series_of_event(record: LogRecord) -> tuple[str, str]:
    return str(record.row["source"]), str(record.row["ticker"])


def _records(commit: Commit, snapshots: Iterable[int], table: str) -> Iterator[LogRecord]:
    for snapshot in snapshots:
        yield from read_entry(commit.layout.log_file(snapshot), table).records


def _rows_without(
    commit: Commit, snapshots: Collection[int], table: str, is_wanted: Callable[[LogRecord], bool]
) -> list[dict[str, Any]]:
    """Return the rows that some records of a table make, but for those of the commits `snapshots`."""
    layout = commit.layout
    connection = new_instance()
    try:
        replay.create_tables(connection)
        for snapshot in sorted(set(layout.snapshots(layout.log)) - set(snapshots)):
            entry = read_entry(layout.log_file(snapshot), table)
            records = tuple(filter(is_wanted, entry.records))
            replay.replay_entry(connection, replace(entry, records=records), _no_file)
        return _stored_rows(connection, table)
    finally:
        connection.close()


def _stored_rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    statement = sqlfiles.load("commit.rows_as_json", table=identifier(table))
    return [json.loads(text) for (text,) in connection.execute(statement).fetchall()]


def _by_run(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in rows:
        found[row["run_id"]].append(row)
    return found


def _no_file(path: str) -> DataFile:
    raise LookupError(path)  # records of these tables name no data file
