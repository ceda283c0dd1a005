"""A store's answers as Arrow batches, read while they are computed, by a thread that Ctrl-C can interrupt.

DuckDB computes inside a call that Python's signals do not reach, so the main thread only waits for batches; if it is
interrupted, or wants no more, it tells DuckDB to stop.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtstore.errors import QueryError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from mtstore.facade import Store

_ROWS_OF_A_BATCH = 100_000


@contextmanager
def opened(store: Store, statement: str) -> Iterator[tuple[pa.Schema, Iterable[pa.RecordBatch]]]:
    """The columns and the batches of a statement's answer; the batches are there for as long as the block lasts.

    Raises
    ------
    QueryError
        DuckDB refused the statement, or met an error on the way.
    """
    with store.connection() as connection:
        pump = _Pump(connection, statement)
        try:
            yield pump.schema(), pump.batches()
        finally:
            pump.stop()


class _Pump:
    """Runs a statement in a thread and hands on what comes: the schema, the batches, then None."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, statement: str) -> None:
        self._connection = connection
        self._statement = statement
        self._items: queue.Queue[pa.Schema | pa.RecordBatch | None] = queue.Queue(maxsize=2)
        self._is_stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mtstore-query")
        self._run = self._pool.submit(self._read)

    def schema(self) -> pa.Schema:
        schema = self._take()
        if schema is None:
            raise QueryError(f"the statement gives no rows: {self._statement.strip()[:200]}")
        return schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        while (batch := self._take()) is not None:
            yield batch

    def stop(self) -> None:
        self._is_stopped.set()
        while not self._run.done():
            self._connection.interrupt()
            wait([self._run], timeout=0.05)
        self._pool.shutdown()

    def _take(self) -> pa.Schema | pa.RecordBatch | None:
        item = self._items.get()
        if item is None:
            self._run.result()
        return item

    def _read(self) -> None:
        import pyarrow as pa

        from mtstore.query.result import mapped_errors

        try:
            with mapped_errors():
                relation = self._connection.sql(self._statement)
                if relation is not None:
                    reader = relation.to_arrow_reader(_ROWS_OF_A_BATCH)
                    self._put(reader.schema)
                    for batch in reader:
                        self._put(batch)
        except (OSError, pa.ArrowException) as error:
            # What DuckDB meets on the way comes through Arrow, as Arrow's error.
            raise QueryError(str(error)) from error
        finally:
            self._put(None)

    def _put(self, item: pa.Schema | pa.RecordBatch | None) -> None:
        while not self._is_stopped.is_set():
            try:
                self._items.put(item, timeout=0.1)
            except queue.Full:
                continue
            return


def shown_in(
    zone: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    """The same instants, labelled with the zone in which they are to be shown."""
    import pyarrow as pa

    def relabelled(field: pa.Field) -> pa.Field:
        is_instant = pa.types.is_timestamp(field.type) and field.type.tz is not None
        return field.with_type(pa.timestamp(field.type.unit, tz=zone)) if is_instant else field

    labelled = pa.schema([relabelled(field) for field in schema])
    return labelled, (batch.cast(labelled) for batch in batches)
