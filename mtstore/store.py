"""The `Store` class: open a store, ingest, query, maintain."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mtstore.ingester import Ingester
from mtstore.query.reader import Reader
from mtstore.storage.layout import DEFAULT_GRACE
from mtstore.storage.repository import Repository
from mtstore.storage.write_lock import DEFAULT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from mtstore.storage.maintenance.compact import CompactResult
    from mtstore.storage.maintenance.problems import VerifyResult
    from mtstore.storage.maintenance.repair import RepairResult
    from mtstore.storage.maintenance.undo import UndoResult


class Store(Reader, Ingester):
    """Market data of many tickers in one folder; `mtstore.open` returns one.

    Its methods fill, read and maintain the store. It is a context manager; leaving the block closes it.

    Attributes
    ----------
    repository
        The store on disk, for mtstore's own code.
    """

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        grace: timedelta = DEFAULT_GRACE,
        lock_timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        memory_limit: str | int | None = None,
    ) -> Self:
        """Open the store in the folder `path`; see `mtstore.open`."""
        return cls(
            Repository.open(
                path, create=create, grace=grace, lock_timeout_seconds=lock_timeout_seconds, memory_limit=memory_limit
            )
        )

    @property
    def path(self) -> Path:
        """The store's folder."""
        return self.repository.path

    def snapshot(self, generation: int | None = None) -> AbstractContextManager[int]:
        """Keep this thread's reads on one snapshot until the block ends; the block gets its number.

        Another thread joins the snapshot with that number.

        Raises
        ------
        SnapshotExpiredError
            The block outlived the store's grace period and files of its snapshot are gone.

        Examples
        --------
        >>> with store.snapshot():  # doctest: +SKIP
        ...     bars, status = store.bars("AAPL").to_arrow(), store.status().to_arrow()
        """
        return self.repository.snapshot(generation)

    def compact(self, tickers: str | Iterable[str] | None = None) -> CompactResult:
        """Merge each partition's files into one; rows and coverage stay the same."""
        from mtstore.storage.maintenance.compact import compact

        return compact(self.repository, tickers)

    def undo(self, run_id: str | None = None) -> UndoResult:
        """Take back what a run brought, as a new commit: its bars and coverage go, what they replaced comes back.

        Parameters
        ----------
        run_id
            A run of `ingest_runs`, or the beginning of its name; None: the newest that is not undone.

        Raises
        ------
        InputError
            No such run, a later run or `compact` built on it, or the grace period of what it replaced is over.

        Examples
        --------
        >>> store.undo().rows_removed  # doctest: +SKIP
        """
        from mtstore.storage.maintenance.undo import undo

        return undo(self.repository, run_id)

    def verify(self, progress: Callable[[int, int, int], None] = lambda *_: None) -> VerifyResult:
        """Check every byte of the store against its metadata and log; nothing is changed.

        `progress` gets the files done, all files, and the rows read. `mtstore verify` also checks a store that does not
        open.

        Returns
        -------
        VerifyResult
            `problems`, each with its place and remedy; `is_sound` if there are none.

        Examples
        --------
        >>> store.verify().is_sound  # doctest: +SKIP
        """
        from mtstore.storage.maintenance.verify import verify

        return verify(self.repository.layout, progress)

    def repair(self, progress: Callable[[int, int, int], None] = lambda *_: None) -> RepairResult:
        """Set damaged files aside, mark their coverage as not fetched, and rebuild the database file.

        Nothing is deleted: see `RepairResult.folder`. `mtstore repair` also repairs a store that does not open.

        Raises
        ------
        StoreLockedError
            Another process writes. StoreError: nothing can be read.

        Examples
        --------
        >>> store.repair().lost  # doctest: +SKIP
        """
        from mtstore.storage.maintenance.repair import repair

        return repair(self.repository.layout, progress, lock_timeout_seconds=self.repository.lock_timeout_seconds)

    def publish(self, to: str | os.PathLike[str], *, materialize: bool = False, path_prefix: str | None = None) -> Path:
        """Write a copy of the database file for another machine or container; return its path.

        Parameters
        ----------
        to
            The file, outside the store; an existing one is replaced atomically.
        materialize
            Include all bars, so that the copy needs no other file.
        path_prefix
            The folder under which readers of the copy see the store, such as `/mnt/store`.

        Raises
        ------
        InputError
            The path or prefix is not valid.

        Examples
        --------
        >>> store.publish("for_the_analyst.duckdb", materialize=True)  # doctest: +SKIP
        """
        from mtstore.storage.maintenance.export_copy import export_copy

        return export_copy(self.repository, to, materialize=materialize, path_prefix=path_prefix)

    def rebuild(self) -> int:
        """Rebuild the database file from `data/` and `meta/` alone; return the number of the new snapshot.

        A store that does not open is rebuilt by `mtstore rebuild`.

        Raises
        ------
        StoreError
            A data file that the log names is missing or damaged, or log entries are missing.
        """
        return self.repository.rebuild()

    def close(self) -> None:
        """Close the database file; later reads raise StoreError."""
        self.repository.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"
