"""Run a user's statement on a store: checked, in a sandboxed instance, within limits of time and memory."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtstore.arguments import size_bytes
from mtstore.errors import InputError, MemoryLimitError, QueryError
from mtstore.query.request.durations import with_durations
from mtstore.query.request.result import Parameters, Result, mapped_errors, reading_error
from mtstore.query.sandbox.statement_check import check_statement

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from mtstore.storage.repository import Repository

_INTERRUPT_EVERY_SECONDS = 0.05
_BATCH_ROWS = 100_000
_FILES_OF_THE_STORE = (
    "a statement reads the files of its store and no others; --unsafe, or `unsafe=True` in Python, lifts this"
)


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What a statement may use.

    Attributes
    ----------
    timeout_seconds
        The statement is interrupted after that; None: never. DuckDB checks between its blocks of rows, not within one
        value.
    memory_limit
        DuckDB's, such as `2GB`, for sorting, joining and aggregating (more spills into the store's `tmp/`), and the
        most bytes of a result that is read as one table; None: the store's own.
    is_unsafe
        Neither checked nor sandboxed: the statement may read and write whatever the process may.
    """

    timeout_seconds: float | None = None
    memory_limit: str | int | None = None
    is_unsafe: bool = False

    def __post_init__(self) -> None:
        if self.timeout_seconds is not None and not 0 < self.timeout_seconds < threading.TIMEOUT_MAX:
            raise InputError(f"timeout_seconds {self.timeout_seconds!r}: a number of seconds above 0")
        if self.is_unsafe and self.memory_limit is not None:
            raise InputError("memory_limit has no effect on an unsafe statement; open the store with a memory_limit")
        if self.memory_limit is not None:
            size_bytes(self.memory_limit)


class UserQuery(Result):
    """A user's statement; one of the `to_…` methods checks and runs it."""

    def __init__(self, store: Repository, statement: str, parameters: Parameters, limits: QueryLimits) -> None:
        if not isinstance(statement, str):
            raise InputError(f"a query is SQL text, got {statement!r}")
        is_values = isinstance(parameters, Mapping | Sequence) and not isinstance(parameters, str | bytes)
        if parameters is not None and not is_values:
            raise InputError(f"params {parameters!r}: a list for ? and $1, or a mapping for $name")
        super().__init__(store, statement, parameters)
        self._limits = limits

    def to_arrow(self) -> pa.Table:
        """Return the result as an Arrow table.

        Raises
        ------
        QueryError
            The statement is not allowed, DuckDB rejected it (its text is the message), or it took too long.
        MemoryLimitError
            The statement or its result would take more memory than allowed.
        SnapshotExpiredError
            A data file of the snapshot is gone: the reader outlived the grace period.
        """
        if self._limits.memory_limit is None:
            return super().to_arrow()
        with self._connection() as connection:
            return with_durations(_limited_table(self._relation(connection), size_bytes(self._limits.memory_limit)))

    def _rows(self, cursor: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
        if self._limits.memory_limit is None:
            return super()._rows(cursor)
        rows: list[tuple[Any, ...]] = []
        size, limit = 0, size_bytes(self._limits.memory_limit)
        while batch := cursor.fetchmany(_BATCH_ROWS):
            size += sum(sys.getsizeof(row) + sum(map(sys.getsizeof, row)) for row in batch)
            _check_size(size, limit)
            rows += batch
        return rows

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with run_limited(self._store, self._limits) as (connection, check), mapped_errors():
            check(self._statement)
            yield connection


@contextmanager
def run_limited(
    store: Repository, limits: QueryLimits
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Callable[[str], None]]]:
    """Open a connection for one statement, with the check that it must pass first; the time limit covers the block."""
    opened = store.connection() if limits.is_unsafe else store.sandboxed_connection(limits.memory_limit)
    with opened as connection, time_limit(connection, limits.timeout_seconds):

        def check(statement: str) -> None:
            if not limits.is_unsafe:
                check_statement(connection, statement)

        try:
            yield connection, check
        except QueryError as error:
            if limits.is_unsafe or "disabled by configuration" not in str(error):
                raise
            raise QueryError(f"{error}\n{_FILES_OF_THE_STORE}") from error


@contextmanager
def time_limit(connection: duckdb.DuckDBPyConnection, seconds: float | None) -> Iterator[None]:
    """Interrupt what runs on `connection` once the block has lasted that long."""
    if seconds is None:
        yield
        return
    is_done, is_over = threading.Event(), threading.Event()

    def watch() -> None:
        if is_done.wait(seconds):
            return
        is_over.set()
        # Repeated, because an interrupt between two statements is lost.
        while not is_done.wait(_INTERRUPT_EVERY_SECONDS):
            connection.interrupt()

    watcher = threading.Thread(target=watch, name="mtstore-timeout", daemon=True)
    watcher.start()
    try:
        yield
    except QueryError as error:
        if is_over.is_set():
            raise QueryError(f"the statement was stopped: it took longer than {seconds:g} s") from error
        raise
    finally:
        is_done.set()
        watcher.join()


def _limited_table(relation: duckdb.DuckDBPyRelation, limit: int) -> pa.Table:
    import pyarrow as pa

    batches: list[pa.RecordBatch] = []
    size = 0
    with arrow_errors(), closing(relation.to_arrow_reader(_BATCH_ROWS)) as reader:
        for batch in reader:
            size += batch.nbytes
            _check_size(size, limit)
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise MemoryLimitError(f"the result has more than the {limit:,} bytes allowed; read it in parts")


@contextmanager
def arrow_errors() -> Iterator[None]:
    """Map the Arrow errors as which DuckDB's errors arrive while its batches are read."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        if "Out of Memory Error" in str(error):
            raise MemoryLimitError(str(error)) from error
        raise reading_error(error) from error
