"""Last use: which ticker's bars of which year somebody loaded, and when.

Readers never write the database. Each process keeps a small file of its own under `uses/`; the next commit of anybody
folds all of them in, and deletes them. A use is noted to the minute: more often nobody needs to know.
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
from mtstore.storage.layout import new_id

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.layout import Layout

FOLDER = "uses"
EVERY_YEAR = 0
_SPACING = timedelta(minutes=1)
_MOST_LINES = 10_000
_MOST_YEARS = 100  # who asks for more means all there is


class LastUsed:
    """What this process uses of one store."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._name = f"{os.getpid()}-{new_id()}.jsonl"
        self._noted: dict[tuple[str, int], datetime] = {}
        self._lines = 0
        self._guard = threading.Lock()

    def record(self, tickers: Iterable[str], start_us: int | None, end_us: int | None) -> None:
        """Note that bars of a range, µs since the epoch, are used now; who may only read the store leaves no trace."""
        now = datetime.now(UTC)
        used = {(ticker, year) for ticker in tickers for year in _years(start_us, end_us)}
        with self._guard:
            due = [key for key in used if key not in self._noted or now - self._noted[key] >= _SPACING]
            if due:
                self._noted |= dict.fromkeys(due, now)
                with suppress(OSError):  # a lost use makes an eviction a little less wise, and no load fail
                    self._write(due)

    def _write(self, due: Sequence[tuple[str, int]]) -> None:
        """Append what is new: putting another file in its place would wait for the disk, at every load."""
        self._folder.mkdir(exist_ok=True)
        path = self._folder / self._name
        self._lines += len(due)
        if self._lines <= _MOST_LINES:
            with path.open("a") as file:
                file.writelines(self._line(key) for key in due)
            return
        part = path.with_name(f".{self._name}")
        part.write_text("".join(self._line(key) for key in self._noted))
        part.replace(path)
        self._lines = len(self._noted)

    def _line(self, key: tuple[str, int]) -> str:
        return json.dumps([*key, self._noted[key].isoformat()]) + "\n"


def read_last_used(
    layout: Layout, connection: duckdb.DuckDBPyConnection | None
) -> tuple[list[dict[str, Any]], list[Path]]:
    """What all processes have noted and `connection` does not know yet, as rows of `core.uses`; and their files."""
    files = sorted((layout.root / FOLDER).glob("[!.]*.jsonl"))
    if not files:
        return [], []
    newest: dict[tuple[str, int], datetime] = {}
    for path in files:
        for ticker, year, text in _read(path):
            at = datetime.fromisoformat(text)
            newest[ticker, year] = max(at, newest.get((ticker, year), at))
    known = _known(connection)
    rows = [
        {"ticker": ticker, "year": year, "used_at": at}
        for (ticker, year), at in sorted(newest.items())
        if (ticker, year) not in known or known[ticker, year] < at
    ]
    return rows, files


def _known(connection: duckdb.DuckDBPyConnection | None) -> Mapping[tuple[str, int], datetime]:
    if connection is None:
        return {}
    import duckdb

    try:
        rows = fetch_rows(connection, sqlfiles.load("commit.last_used"))
    except duckdb.CatalogException:  # a generation of before there was the table; this commit makes it
        return {}
    return {(row["ticker"], row["year"]): row["used_at"] for row in rows}


def _read(path: Path) -> list[list[Any]]:
    """A process's file; a file that is gone tells nothing, and neither does a line that is damaged or half written."""
    rows = []
    with suppress(OSError, UnicodeDecodeError):
        for line in path.read_text().splitlines():
            with suppress(ValueError):
                ticker, year, at = json.loads(line)
                datetime.fromisoformat(at)
                rows.append([ticker, year, at])
    return rows


def _years(start_us: int | None, end_us: int | None) -> Iterable[int]:
    if start_us is None or end_us is None:
        return (EVERY_YEAR,)
    first, last = (datetime.fromtimestamp(at // 1_000_000, UTC).year for at in (start_us, max(start_us, end_us - 1)))
    return range(first, last + 1) if last - first < _MOST_YEARS else (EVERY_YEAR,)
