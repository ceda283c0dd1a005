"""A load in chunks: bounded memory, and the next chunk made in the background while the last one is looked at."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from mtstore.loader.load.configured_view import sight
from mtstore.loader.load.load import Load
from mtstore.query.align.chunks import iter_tables
from mtstore.query.request.result import mapped_errors

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd

    from mtstore.query.table.wide_table import WideTable
    from mtstore.storage.repository import Repository


class Chunks:
    """The frames of one load, in order of time; all see the generation that was the newest when it began.

    Everything that touches the store runs in one thread of its own. The range is checked when the object is made, so
    that errors come where the load is asked for; the thread ends with the last chunk, or with `close`.
    """

    def __init__(self, store: Repository, load: Load, length: timedelta) -> None:
        self._store = store
        self._load = load
        self._length = length
        self._held = ExitStack()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mtstore-chunks")
        self._is_closed = False
        try:
            with store.snapshot() as generation:
                self._pieces = self._thread.submit(self._begin, generation).result()
        except BaseException:
            self.close()
            raise
        self._next: Future[WideTable | None] = self._ask()
        self._has_given = False

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
            self._next = self._ask()
            # A chunk without rows says nothing, unless there is no other.
            if len(wide.ts_us) or (not self._has_given and self._is_last()):
                self._has_given = True
                return self._load.to_frame(wide)
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Stop, and let go of the store."""
        self._end(wait=True)

    def __enter__(self) -> Chunks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Nobody may wait here: the collector can run in the very thread that is to be ended.
        if hasattr(self, "_is_closed") and not sys.is_finalizing():
            self._end(wait=False)

    def _end(self, *, wait: bool) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._thread.submit(self._held.close)
        self._thread.shutdown(wait=wait)

    def _begin(self, generation: int) -> Iterator[WideTable]:
        """In the thread: take hold of the generation, check the range."""
        self._held.enter_context(self._store.snapshot(generation))
        facts = self._held.enter_context(sight(self._store, self._load.config))
        with mapped_errors():
            making = self._load.check(facts, self._store.path)
        return iter_tables(facts.connection, self._load.call, self._load.fields, making, self._length, facts=facts)

    def _ask(self) -> Future[WideTable | None]:
        return self._thread.submit(self._make)

    def _make(self) -> WideTable | None:
        with mapped_errors():
            return next(self._pieces, None)

    def _is_last(self) -> bool:
        return self._next.result() is None
