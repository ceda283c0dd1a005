"""A store on disk: create, open, read, write and rebuild it. `mtstore.Store` is the public interface to it."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import (
    InputError,
    StoreError,
    StoreLockedError,
    StoreMovedError,
    StoreNotFoundError,
)
from mtstore.storage.commit import snapshots, staging
from mtstore.storage.commit.agreement import check_agreement
from mtstore.storage.commit.coverage_ledger import Freshness
from mtstore.storage.commit.last_used import LastUsed
from mtstore.storage.layout import DEFAULT_GRACE, Layout, new_id
from mtstore.storage.reading.attach import DESCRIPTORS
from mtstore.storage.reading.connections import Connections, SandboxedConnections
from mtstore.storage.write_lock import DEFAULT_TIMEOUT_SECONDS, write_lock

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.commit.commit import Commit
    from mtstore.storage.commit.writer import Writer


class Repository:
    """A store that exists; `open` finds or creates one.

    Attributes
    ----------
    layout
        Its paths.
    grace
        How long retired data files and old snapshots are kept for readers that still use them.
    lock_timeout_seconds
        How long a commit waits for another writer.
    last_used
        Records which bars are loaded; eviction starts with those that were not used for longest.
    """

    def __init__(
        self,
        root: Path,
        *,
        grace: timedelta = DEFAULT_GRACE,
        lock_timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        memory_limit: str | int | None = None,
    ) -> None:
        self.layout = Layout(root)
        self.grace = grace
        self.lock_timeout_seconds = lock_timeout_seconds
        self.last_used = LastUsed(root)
        self._connections = Connections(self.layout, memory_limit)
        self._sandboxed = SandboxedConnections(self._connections)

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
        """Open the store at `path`; with `create`, make one where there is none.

        Warns of a new store in a folder with a backslash, whose database only mtstore can open.

        Raises
        ------
        InputError
            `path` is not a path, or `memory_limit` not a size.
        StoreNotFoundError
            There is no store, and `create` is false.
        StoreMovedError
            It was made at another path, so that its views name files that do not exist.
        StoreFormatError
            It was made by a version of mtstore with another format.
        StoreError
            Its database file is damaged; `mtstore rebuild` rebuilds it. Or its log and database files contradict each
            other; `mtstore repair` mends the log.
        """
        root = _resolved(path)
        store = cls(root, grace=grace, lock_timeout_seconds=lock_timeout_seconds, memory_limit=memory_limit)
        if not store.layout.is_store():
            if not create:
                raise StoreNotFoundError(f"no store at {root}; `mtstore init {root}` makes one")
            store._create()
            if os.sep == "/" and "\\" in str(root):
                text = "has a backslash: mtstore opens its database, but DuckDB's own clients and BI tools cannot"
                warnings.warn(f"{root} {text}", stacklevel=3)
        check_agreement(store.layout)
        store._recover_if_idle()
        store._check_place()
        return store

    @classmethod
    def rebuild_at(cls, path: str | os.PathLike[str]) -> int:
        """`rebuild` a store that may not open: moved, or with a damaged or missing database file.

        Raises
        ------
        StoreNotFoundError
            There is no store at `path`. StoreError: as in `rebuild`.
        """
        with cls(_resolved(path)) as store:
            if not store.layout.is_store():
                raise StoreNotFoundError(f"no store at {store.path}; there is nothing to rebuild")
            return store.rebuild()

    @property
    def path(self) -> Path:
        """The store's folder."""
        return self.layout.root

    def connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Connect to the newest snapshot (within `snapshot`, to that one), read-only, as the current database."""
        return self._connections.connection()

    @contextmanager
    def sandboxed_connection(self, memory_limit: str | int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect as `connection` does, without access to other files, extensions and settings.

        With a `memory_limit` (`2GB`) the connection has a DuckDB instance to itself.
        """
        if memory_limit is None:
            with self._sandboxed.connection() as connection:
                yield connection
            return
        with closing(SandboxedConnections(self._connections, memory_limit)) as own, own.connection() as connection:
            yield connection

    def snapshot(self, number: int | None = None) -> AbstractContextManager[int]:
        """Keep this thread's reads on one snapshot for the length of the block; yields its number.

        Another thread joins the snapshot by its `number`. A reader that outlives the store's grace period gets
        SnapshotExpiredError once files of its snapshot are deleted.
        """
        return self._connections.pinned(number)

    def begin(self, purpose: str, staging: Path | None = None) -> AbstractContextManager[Commit]:
        """Start a commit, under the write lock, with a staging folder of its own or the one given."""
        from mtstore.storage.commit import commit

        timeout = self.lock_timeout_seconds
        return commit.begin(self.layout, purpose, staging, timeout_seconds=timeout, grace=self.grace)

    @contextmanager
    def writer(
        self,
        purpose: str,
        *,
        freshness: Freshness | None = None,
        run_id: str | None = None,
        is_compressed: bool = True,
    ) -> Iterator[Writer]:
        """Write batches of bars; the end of the block commits the rest, an error drops what was not committed."""
        from mtstore.storage.commit.writer import Writer

        with staging.staging_folder(self.layout) as folder:
            writer = Writer(
                self.layout.root,
                folder,
                self.begin,
                self.connection,
                run_id or new_id(),
                freshness=freshness or Freshness(),
                purpose=purpose,
                is_compressed=is_compressed,
            )
            try:
                yield writer
            except BaseException:
                writer.abandon()
                raise
            writer.close()

    def rebuild(self) -> int:
        """Rebuild the database file from `data/` and `meta/` alone; return the number of the new snapshot.

        Raises
        ------
        StoreError
            An active data file is missing or damaged, or the log and the database files contradict each other.
        """
        check_agreement(self.layout)  # before the staging folder: another version's store is left untouched
        with staging.staging_folder(self.layout) as folder, self._lock("rebuild", self.lock_timeout_seconds):
            return snapshots.rebuild(self.layout, folder)

    def close(self) -> None:
        """Close all connections."""
        self._sandboxed.close()
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def _lock(self, purpose: str, timeout_seconds: float) -> AbstractContextManager[None]:
        return write_lock(self.layout.lock, purpose, timeout_seconds)

    def _create(self) -> None:
        root = self.layout.root
        if root.exists() and not (root.is_dir() and self.layout.is_empty_or_unfinished()):
            raise StoreError(f"{root} is not an empty folder; choose an empty or new folder for a store")
        self.layout.make_folders()
        with self.begin("init") as change:
            change.finish(even_if_empty=change.base == 0)  # another process may have created it meanwhile

    def _recover_if_idle(self) -> None:
        """Complete what a crash interrupted; a running writer does it at its next commit."""
        if not snapshots.needs_recovery(self.layout):
            return
        try:
            with self._lock("recover", 0.0):
                self.layout.make_folders()
                snapshots.recover(self.layout)
        except StoreLockedError:
            return
        except OSError as error:
            # A user who may only read leaves it to the next writer, and reads the newest complete snapshot.
            if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise

    def _check_place(self) -> None:
        with self.connection() as connection:
            (info,) = fetch_rows(connection, sqlfiles.load("snapshot.store_info"))
        made_at = info["root"]
        if made_at != str(self.path):
            raise StoreMovedError(
                f"the store at {self.path} was made at {made_at}, and its views name files there; "
                f"`mtstore rebuild {self.path}` rewrites them for this place"
            )


def _resolved(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"path: was {path!r}; use the path of a folder")
    root = Path(path).expanduser().resolve()
    if os.sep == "/" and "\\" in str(root) and not Path(DESCRIPTORS).is_dir():
        raise InputError(f"path: {root} has a backslash, which DuckDB reads as a slash; choose a folder without one")
    return root
