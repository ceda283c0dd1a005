"""The live data files of partitions, as a generation's metadata have them."""

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

_FEW_QUESTIONS = 16


def all_active_files(
    connection: duckdb.DuckDBPyConnection, tickers: Collection[str] | None = None
) -> dict[Partition, list[DataFile]]:
    """The live data files of every partition (of some tickers), each list in time order."""
    found: dict[Partition, list[DataFile]] = defaultdict(list)
    parameters = {"tickers": sorted(tickers) if tickers is not None else None}
    for row in fetch_rows(connection, sqlfiles.load("commit.active_files"), parameters):
        file = DataFile(**row)
        found[file.partition].append(file)
    return dict(found)


def check_stored(connection: duckdb.DuckDBPyConnection, tickers: Iterable[str]) -> None:
    """Refuse names of which nothing is stored.

    Raises
    ------
    TickerError
        Names the first, and the nearest of which something is.
    """
    known = [row[0] for row in connection.execute(sqlfiles.load("settings.stored_tickers")).fetchall()]
    for name in tickers:
        if name not in known:
            raise TickerError(f"nothing is stored of ticker {name!r}{did_you_mean(name, known)}")


def active_files(
    connection: duckdb.DuckDBPyConnection, partitions: Iterable[Partition]
) -> dict[Partition, list[DataFile]]:
    """The live data files of some partitions, each list in time order."""
    wanted = set(partitions)
    known = all_active_files(connection, {partition.ticker for partition in wanted})
    return {partition: known.get(partition, []) for partition in wanted}


class ActiveFiles:
    """The live data files at some moment since `forget`: asked for one by one, then, if that goes on, all at once.

    A statement for each of ten thousand partitions takes longer than one for all of them.
    """

    def __init__(self, reader: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]) -> None:
        self._reader = reader
        self._questions = 0
        self._known: Mapping[Partition, list[DataFile]] | None = None

    def of(self, partitions: Collection[Partition]) -> Mapping[Partition, list[DataFile]]:
        """The live files of some partitions, each list in time order."""
        self._questions += 1
        if self._known is None:
            with self._reader() as connection:
                if self._questions <= _FEW_QUESTIONS:
                    return active_files(connection, partitions)
                self._known = all_active_files(connection)
        return {partition: self._known.get(partition, []) for partition in partitions}

    def forget(self) -> None:
        """Begin anew: there is a new generation."""
        self._questions = 0
        self._known = None
