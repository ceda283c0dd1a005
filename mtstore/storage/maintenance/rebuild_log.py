"""The log written anew from a database file, where entries of the log are lost.

Each row that says which commit wrote it goes back into that commit's entry, in the order in which it was put; all other
rows go into the newest. What earlier commits replaced or deleted is not known any more, and no longer needed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.sqlfiles import identifier
from mtstore.storage.commit import commit_log as log
from mtstore.storage.commit import replay

if TYPE_CHECKING:
    import duckdb


def rebuild_log(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[Path]:
    """Write the entries of all generations up to the one that is the connection's current database into `folder`."""
    (info,) = fetch_rows(connection, sqlfiles.load("commit.current_commit"))
    newest, records = info["generation"], defaultdict(list)
    for table in replay.KEYS:
        for (text,) in connection.execute(sqlfiles.load("commit.rows_as_json", table=identifier(table))).fetchall():
            row = json.loads(text)
            generation = row.pop("generation", newest)
            kept = {"path": row["path"]} if table == "files" else row  # a file's footer says the rest
            records[generation].append(log.LogRecord("put", table, kept))
    at = datetime.fromtimestamp(info["committed_at_us"] / 1_000_000, UTC)
    folder.mkdir()
    paths = []
    for number in range(1, newest + 1):
        paths.append(folder / f"{number:06d}.parquet")
        log.write_entry(log.LogEntry(number, info["store_id"], at, tuple(records[number])), paths[-1])
    return paths
