"""When each ticker's bars of each year were last used.

Readers never write the database. Each process appends to a file of its own under `uses/`; the next commit of any
process stores all of them in the table `uses`, and deletes the files. Times are recorded to the minute.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.ranges import from_us
from mtstore.storage.layout import new_id

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.layout import Layout

FOLDER = "uses"
EVERY_YEAR = 0
_SPACING = timedelta(minutes=1)
_MOST_LINES = 10_000
_MOST_YEARS = 100  # a longer range is recorded as every year


class LastUsed:
    """What this process uses of one store."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._name = f"{os.getpid()}-{new_id()}.jsonl"
        self._recorded: dict[tuple[str, int], datetime] = {}
        self._lines = 0
        self._guard = threading.Lock()

    def record(self, tickers: Iterable[str], start_us: int | None, end_us: int | None) -> None:
        """Record that bars of a range, µs since the epoch, are used now; a read-only store is left as it is."""
        now = datetime.now(UTC)
        used = {(ticker, year) for ticker in tickers for year in _years(start_us, end_us)}
        with self._guard:
            due = [key for key in used if key not in self._recorded or now - self._recorded[key] >= _SPACING]
            if due:
                self._recorded |= dict.fromkeys(due, now)
                # A lost record makes an eviction a little less accurate; it must not fail a load.
                with suppress(OSError):
                    self._write(due)

    def _write(self, due: Sequence[tuple[str, int]]) -> None:
        # Appended: replacing the file would wait for the disk at every load. It is compacted when it grows long.
        self._folder.mkdir(exist_ok=True)
        path = self._folder / self._name
        self._lines += len(due)
        if self._lines <= _MOST_LINES:
            with path.open("a") as file:
                file.writelines(self._line(key) for key in due)
            return
        part = path.with_name(f".{self._name}")
        part.write_text("".join(self._line(key) for key in self._recorded))
        part.replace(path)
        self._lines = len(self._recorded)

    def _line(self, key: tuple[str, int]) -> str:
        return json.dumps([*key, self._recorded[key].isoformat()]) + "\n"


def read_last_used(
    layout: Layout, connection: duckdb.DuckDBPyConnection | None
) -> tuple[list[dict[str, Any]], list[Path]]:
    """Read all processes' files: the rows that the table `uses` does not have yet, and the files."""
    files = sorted((layout.root / FOLDER).glob("[!.]*.jsonl"))
    if not files:
        return [], []
    newest: dict[tuple[str, int], datetime] = {}
    for path in files:
        for ticker, year, at in _read(path):
            newest[ticker, year] = max(at, newest.get((ticker, year), at))
    stored = _stored(connection)
    rows = [
        {"ticker": ticker, "year": year, "used_at": at}
        for (ticker, year), at in sorted(newest.items())
        if (ticker, year) not in stored or stored[ticker, year] < at
    ]
    return rows, files


def _stored(connection: duckdb.DuckDBPyConnection | None) -> Mapping[tuple[str, int], datetime]:
    if connection is None:
        return {}
    import duckdb

    try:
        rows = fetch_rows(connection, sqlfiles.load("commit.last_used"))
    except duckdb.CatalogException:  # a snapshot of an earlier version has no such table; this commit creates it
        return {}
    return {(row["ticker"], row["year"]): row["used_at"] for row in rows}


def _read(path: Path) -> list[tuple[str, int, datetime]]:
    # The file may be gone, and its last line half written.
    rows = []
    with suppress(OSError, UnicodeDecodeError):
        for line in path.read_text().splitlines():
            with suppress(ValueError):
                ticker, year, at = json.loads(line)
                rows.append((ticker, year, datetime.fromisoformat(at)))
    return rows


def _years(start_us: int | None, end_us: int | None) -> Iterable[int]:
    if start_us is None or end_us is None:
        return (EVERY_YEAR,)
    first, last = (from_us(at).year for at in (start_us, max(start_us, end_us - 1)))
    return range(first, last + 1) if last - first < _MOST_YEARS else (EVERY_YEAR,)
