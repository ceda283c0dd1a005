"""Stream a statement's result as Arrow batches, from a thread that Ctrl-C can interrupt.

DuckDB computes inside a call that Python's signals do not reach. So the main thread only waits for batches, and
interrupts DuckDB when it is interrupted itself or needs no more.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtstore.cli.console import echo_error
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
    """Yield the schema and the batches of a statement's result; the batches are valid inside the block.

    Errors as in `Store.sql`.
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
    """Run a statement in a thread and queue its schema, its batches, then None."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, statement: str, check: Callable[[str], None]) -> None:
        self._connection = connection
        self._statement = statement
        self._check = check
        self._items: queue.Queue[pa.Schema | pa.RecordBatch | None] = queue.Queue(maxsize=2)
        self._is_stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mtstore-query")
        self._run = self._pool.submit(self._read)

    def end_process_after(self, seconds: float) -> None:
        """End this process if DuckDB still computes then: it ignores an interrupt within one value."""
        threading.Thread(target=self._end_process, args=(seconds,), name="mtstore-last-resort", daemon=True).start()

    def _end_process(self, seconds: float) -> None:
        wait([self._run], timeout=seconds)
        while not self._run.done():
            if not self._items.full():  # a full queue means that the reader of the output is slow
                echo_error("the statement did not stop at its timeout, so this process ends")
                os._exit(Exit.QUERY)
            wait([self._run], timeout=1)

    def schema(self) -> pa.Schema:
        schema = self._take()
        if schema is None:
            raise QueryError(f"the statement returns no rows: {self._statement.strip()[:200]}")
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


def in_zone(
    zone: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    """Return the same instants, labelled with the zone in which they are shown."""
    import pyarrow as pa

    def relabelled(field: pa.Field) -> pa.Field:
        is_instant = pa.types.is_timestamp(field.type) and field.type.tz is not None
        return field.with_type(pa.timestamp(field.type.unit, tz=zone)) if is_instant else field

    labelled = pa.schema([relabelled(field) for field in schema])
    return labelled, (batch.cast(labelled) for batch in batches)
