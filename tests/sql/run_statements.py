"""Run statements in a DuckDB client of any version and print their rows as JSON; started as a program.

Arguments: the client's folder (or `-`), the database file, the session's time zone, the number of threads.
Statements come as a JSON list on standard input.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, timedelta
from typing import Any


def main(folder: str, path: str, zone: str, threads: str) -> None:
    if folder != "-":
        sys.path.insert(0, folder)
    import duckdb

    connection = duckdb.connect(config={"threads": int(threads)})
    connection.execute(f"SET TimeZone = '{zone}'")
    connection.execute(f"ATTACH '{path}' AS mine (READ_ONLY)")
    connection.execute("USE mine")
    answers: list[dict[str, Any]] = []
    for statement in json.load(sys.stdin):
        try:
            rows = connection.execute(statement).fetchall()
        except duckdb.Error as error:
            answers.append({"error": str(error)})
        else:
            answers.append({"rows": [[plain(value) for value in row] for row in rows]})
    json.dump({"version": duckdb.__version__, "answers": answers}, sys.stdout)


def plain(value: Any) -> Any:
    """A value that JSON holds and that no client's display changes: instants in microseconds since the epoch."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return round(value.timestamp() * 1_000_000)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value


if __name__ == "__main__":
    main(*sys.argv[1:5])
