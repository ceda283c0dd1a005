"""A store's answers as Arrow batches, read while they are computed, by a thread that Ctrl-C can interrupt.

DuckDB computes inside a call that Python's signals do not reach, so the main thread only waits for batches; if it is
interrupted, or wants no more, it tells DuckDB to stop.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtstore.cli.console import say_error
from mtstore.cli.exit_codes import Exit
from mtstore.errors import QueryError
from mtstore.query.request.result import mapped_errors
from mtstore.query.sandbox.user_query import QueryLimits, arrow_errors, run_limited

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from mtstore.store import Store

_ROWS_OF_A_BATCH = 100_000
_PATIENCE_SECONDS = 5.0


@contextmanager
def opened(store: Store, statement: str, bounds: QueryLimits) -> Iterator[tuple[pa.Schema, Iterable[pa.RecordBatch]]]:
    """The columns and the batches of a statement's answer; the batches are there for as long as the block lasts.

    Raises
    ------
    QueryError
        The statement may not run, DuckDB refused it or met an error on the way, or it took too long.
    MemoryLimitError
        It would take more memory than allowed.
    """
    with run_limited(store.repository, bounds) as (connection, check):
        pump = _Pump(connection, statement, check)
        if bounds.timeout_seconds is not None:
            pump.end_process_after(bounds.timeout_seconds + _PATIENCE_SECONDS)
        try:
            yield pump.schema(), pump.batches()
        finally:
            pump.stop()


class _Pump:
    """Runs a statement in a thread and hands on what comes: the schema, the batches, then None."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, statement: str, check: Callable[[str], None]) -> None:
        self._connection = connection
        self._statement = statement
        self._check = check
        self._items: queue.Queue[pa.Schema | pa.RecordBatch | None] = queue.Queue(maxsize=2)
        self._is_stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mtstore-query")
        self._run = self._pool.submit(self._read)

    def end_process_after(self, seconds: float) -> None:
        """End this process if DuckDB then still computes: it does not heed an interrupt within one value."""
        threading.Thread(target=self._end_process, args=(seconds,), name="mtstore-last-resort", daemon=True).start()

    def _end_process(self, seconds: float) -> None:
        wait([self._run], timeout=seconds)
        while not self._run.done():
            if not self._items.full():  # else it is the reader of the output who takes the time
                say_error("the statement did not stop when its time was over, so this process ends")
                os._exit(Exit.QUERY)
            wait([self._run], timeout=1)

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
        try:
            with arrow_errors(), mapped_errors():
                self._check(self._statement)
                relation = self._connection.sql(self._statement)
                if relation is not None:
                    reader = relation.to_arrow_reader(_ROWS_OF_A_BATCH)
                    self._put(reader.schema)
                    for batch in reader:
                        self._put(batch)
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
