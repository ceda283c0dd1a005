"""Load in chunks, in bounded memory; a thread prepares the next chunk."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from mtstore.loader.load.configured_view import configured_view
from mtstore.loader.load.load import Load
from mtstore.query.align.chunks import iter_tables
from mtstore.query.request.result import mapped_errors

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd

    from mtstore.query.table.wide_table import WideTable
    from mtstore.storage.repository import Repository


class Chunks:
    """Iterate over the frames of one load in time order, all read from the newest snapshot at its start.

    The range is checked at once, so that errors are raised by the call that starts the load. One thread does all that
    touches the store, and ends with the last chunk or with `close`.
    """

    def __init__(self, store: Repository, load: Load, length: timedelta) -> None:
        self._store = store
        self._load = load
        self._length = length
        self._held = ExitStack()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mtstore-chunks")
        self._is_closed = False
        try:
            with store.snapshot() as snapshot:
                self._tables = self._thread.submit(self._begin, snapshot).result()
        except BaseException:
            self.close()
            raise
        self._next: Future[WideTable | None] = self._prepare_next()
        self._has_returned = False

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self

    def __next__(self) -> pd.DataFrame:
        while not self._is_closed:
            try:
                wide = self._next.result()
            except BaseException:
                self.close()
                raise
            if wide is None:
                break
            self._next = self._prepare_next()
            # Chunks without rows are left out, but a load without rows returns one.
            if len(wide.ts_us) or (not self._has_returned and self._is_last()):
                self._has_returned = True
                return self._load.to_frame(wide)
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Stop, and close the store's snapshot."""
        self._end(wait=True)

    def __enter__(self) -> Chunks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Waiting here could deadlock: the collector may run in the thread that is to end.
        if hasattr(self, "_is_closed") and not sys.is_finalizing():
            self._end(wait=False)

    def _end(self, *, wait: bool) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._thread.submit(self._held.close)
        self._thread.shutdown(wait=wait)

    def _begin(self, snapshot: int) -> Iterator[WideTable]:
        self._held.enter_context(self._store.snapshot(snapshot))
        facts = self._held.enter_context(configured_view(self._store, self._load.config))
        with mapped_errors():
            options = self._load.check(facts, self._store.path)
        return iter_tables(facts.connection, self._load.call, self._load.fields, options, self._length, facts=facts)

    def _prepare_next(self) -> Future[WideTable | None]:
        return self._thread.submit(self._next_table)

    def _next_table(self) -> WideTable | None:
        with mapped_errors():
            return next(self._tables, None)

    def _is_last(self) -> bool:
        return self._next.result() is None
