"""Take back the splits and dividends that a run brought: what they replaced comes back."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import new_instance
from mtstore.sqlfiles import identifier
from mtstore.storage.commit import replay
from mtstore.storage.commit.commit_log import read_entry
from mtstore.storage.files.data_file import DataFile

if TYPE_CHECKING:
    from mtstore.storage.commit.commit import Commit

_TABLES = ("splits", "dividends")


def undo_events(commit: Commit, snapshots: Collection[int]) -> None:
    """Give the tickers whose events the commits `snapshots` changed the events that they would have without these."""
    layout = commit.layout
    for table in _TABLES:
        changed = {
            (str(record.row["source"]), str(record.row["ticker"]))
            for snapshot in snapshots
            for record in read_entry(layout.log_file(snapshot), table).records
        }
        if not changed:
            continue
        # Events have no number of their run: the log without the run says what there was.
        connection = new_instance()
        try:
            replay.create_tables(connection)
            for snapshot in sorted(set(layout.snapshots(layout.log)) - set(snapshots)):
                entry = read_entry(layout.log_file(snapshot), table)
                records = [one for one in entry.records if (one.row["source"], one.row["ticker"]) in changed]
                replay.replay_entry(connection, replace(entry, records=tuple(records)), _no_file)
            statement = sqlfiles.load("commit.rows_as_json", table=identifier(table))
            rows = [json.loads(text) for (text,) in connection.execute(statement).fetchall()]
        finally:
            connection.close()
        commit.delete(table, [{"source": source, "ticker": ticker} for source, ticker in sorted(changed)])
        commit.upsert(table, rows)


def _no_file(path: str) -> DataFile:
    raise LookupError(path)  # records of events name no data file
