"""Rebuild the commit log from a database file, when entries are lost.

Each row that has the number of its snapshot goes back into that entry, in the order in which it was written; all other
rows go into the newest entry. What earlier commits replaced or deleted is lost, and no longer needed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.ranges import from_us
from mtstore.sqlfiles import identifier
from mtstore.storage.commit.commit_log import LogEntry, LogRecord, upserts, write_entry
from mtstore.storage.commit.replay import KEYS

if TYPE_CHECKING:
    import duckdb


def rebuild_log(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[Path]:
    """Write the entries of all snapshots up to the connection's current database into the new `folder`."""
    (info,) = fetch_rows(connection, sqlfiles.load("snapshot.store_info"))
    newest = info["generation"]
    records: dict[int, list[LogRecord]] = defaultdict(list)
    for table in KEYS:
        for (text,) in connection.execute(sqlfiles.load("commit.rows_as_json", table=identifier(table))).fetchall():
            row = json.loads(text)
            number = row.pop("generation", newest)
            # A data file's other values come from its footer.
            records[number] += upserts(table, [{"path": row["path"]} if table == "files" else row])
    at = from_us(info["committed_at_us"])
    folder.mkdir()
    entries = (LogEntry(number, info["store_id"], at, tuple(records[number])) for number in range(1, newest + 1))
    return [write_entry(entry, folder) for entry in entries]
