"""The active data files of partitions, as a snapshot's metadata list them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.arguments import did_you_mean
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import TickerError
from mtstore.storage.files.data_file import DataFile
from mtstore.storage.layout import Partition

if TYPE_CHECKING:
    import duckdb

_FEW_CALLS = 16


def all_active_files(
    connection: duckdb.DuckDBPyConnection, tickers: Collection[str] | None = None
) -> dict[Partition, list[DataFile]]:
    """Return the active data files of every partition (of some tickers), each list in time order."""
    found: dict[Partition, list[DataFile]] = defaultdict(list)
    parameters = {"tickers": sorted(tickers) if tickers is not None else None}
    for row in fetch_rows(connection, sqlfiles.load("commit.active_files"), parameters):
        file = DataFile(**row)
        found[file.partition].append(file)
    return dict(found)


def active_files(
    connection: duckdb.DuckDBPyConnection, partitions: Iterable[Partition]
) -> dict[Partition, list[DataFile]]:
    """Return the active data files of some partitions, each list in time order."""
    requested = set(partitions)
    found = all_active_files(connection, {partition.ticker for partition in requested})
    return {partition: found.get(partition, []) for partition in requested}


def check_stored(connection: duckdb.DuckDBPyConnection, tickers: Iterable[str]) -> None:
    """Raise TickerError for the first ticker without stored bars; it names the nearest one that has some."""
    stored = [ticker for (ticker,) in connection.execute(sqlfiles.load("settings.stored_tickers")).fetchall()]
    for name in tickers:
        if name not in stored:
            raise TickerError(f"nothing is stored of ticker {name!r}{did_you_mean(name, stored)}")


class ActiveFiles:
    """The active data files since the last `reset`: read call by call, after some calls all at once.

    One statement for each of ten thousand partitions takes longer than one for all of them.
    """

    def __init__(self, reader: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]) -> None:
        self._reader = reader
        self.reset()

    def reset(self) -> None:
        """Forget what was read: there is a new snapshot."""
        self._calls = 0
        self._all: Mapping[Partition, list[DataFile]] | None = None

    def of(self, partitions: Collection[Partition]) -> Mapping[Partition, list[DataFile]]:
        """Return the active files of some partitions, each list in time order."""
        self._calls += 1
        if self._all is None:
            with self._reader() as connection:
                if self._calls <= _FEW_CALLS:
                    return active_files(connection, partitions)
                self._all = all_active_files(connection)
        return {partition: self._all.get(partition, []) for partition in partitions}
