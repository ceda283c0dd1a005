"""A store on disk: made, opened, read, written, rebuilt. `mtstore.Store` puts the people's interface on top of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mtstore import sqlfiles
from mtstore.errors import (
    InputError,
    StoreError,
    StoreFormatError,
    StoreLockedError,
    StoreMovedError,
    StoreNotFoundError,
)
from mtstore.storage.commit import commit_log as log
from mtstore.storage.commit import snapshots, staging
from mtstore.storage.commit.coverage_ledger import Freshness
from mtstore.storage.commit.last_used import LastUsed
from mtstore.storage.layout import DEFAULT_GRACE, Layout, new_id
from mtstore.storage.reading.confined import SandboxedConnections
from mtstore.storage.reading.connections import Engine
from mtstore.storage.write_lock import DEFAULT_TIMEOUT_SECONDS, write_lock

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.commit.commit import Commit
    from mtstore.storage.commit.writer import Writer


class Repository:
    """A store that exists. `open` finds one, `create` makes one.

    Attributes
    ----------
    layout
        Its paths.
    grace
        How long retired data files and old generations are kept for readers that still use them.
    lock_timeout_seconds
        How long a commit waits for another writer.
    last_used
        Takes note of what is loaded, so that what nobody uses can be evicted first.
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
        self._engine = Engine(self.layout, memory_limit)
        self._confined = SandboxedConnections(self._engine)
        self.last_used = LastUsed(root)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = False, **options: object) -> Self:
        """Open the store at `path`.

        Raises
        ------
        InputError
            A path or a memory limit that cannot be right.
        StoreNotFoundError
            There is none, and `create` is false.
        StoreMovedError
            It was made at another path, so that its views name files that are not there.
        StoreFormatError
            It was made by a version of mtstore with another format.
        StoreError
            Its database file is damaged; `mtstore rebuild` makes it anew.
        """
        store = cls._at(path, **options)
        if not store.layout.is_store():
            if not create:
                raise StoreNotFoundError(f"no store at {store.path}; `mtstore init {store.path}` makes one")
            store._make()
        store._recover_if_idle()
        store._check_place()
        return store

    @classmethod
    def rebuild_at(cls, path: str | os.PathLike[str], **options: object) -> int:
        """`rebuild` of a store that may not open: moved to another place, or with a damaged or missing database file.

        Raises
        ------
        StoreNotFoundError
            There is no store at `path`. StoreError: as `rebuild` says.
        """
        store = cls._at(path, **options)
        if not store.layout.is_store():
            raise StoreNotFoundError(f"no store at {store.path}; there is nothing to rebuild")
        with store:
            return store.rebuild()

    @classmethod
    def _at(cls, path: str | os.PathLike[str], **options: object) -> Self:
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"a store's place is the path of a folder, got {path!r}")
        return cls(Path(path).expanduser().resolve(), **options)  # type: ignore[arg-type]

    @property
    def path(self) -> Path:
        """The store's folder."""
        return self.layout.root

    def connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A DuckDB connection whose current database is the newest generation, read-only."""
        return self._engine.connection()

    @contextmanager
    def sandboxed_connection(self, memory_limit: str | int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """As `connection`, for statements of anybody: no file beyond the store, no extension, no setting.

        With a `memory_limit` (`2GB`) of its own it is an instance of its own, for the length of the block.
        """
        if memory_limit is None:
            with self._confined.connection() as connection:
                yield connection
            return
        with closing(SandboxedConnections(self._engine, memory_limit)) as engine, engine.connection() as connection:
            yield connection

    def snapshot(self, generation: int | None = None) -> AbstractContextManager[int]:
        """Keep this thread's reads on one generation for the length of the block; gives its number.

        Another thread joins the snapshot with that number. A reader that outlives the store's grace period meets
        SnapshotExpiredError once files of its generation are gone.
        """
        return self._engine.pinned(generation)

    @contextmanager
    def begin(self, purpose: str, staging_path: Path) -> Iterator[Commit]:
        """Start a commit, under the write lock."""
        from mtstore.storage.commit import commit

        with commit.begin(
            self.layout,
            purpose,
            staging_path,
            timeout_seconds=self.lock_timeout_seconds,
            grace=self.grace,
        ) as change:
            yield change

    @contextmanager
    def writer(
        self,
        purpose: str,
        *,
        freshness: Freshness | None = None,
        run_id: str | None = None,
        is_compressed: bool = True,
    ) -> Iterator[Writer]:
        """A writer of answers; leaving the block commits what is left, an error drops what was not committed."""
        with staging.staging_folder(self.layout) as folder:
            from mtstore.storage.commit.writer import Writer

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
        """Make the database file anew from `data/` and `meta/` alone; gives the new generation.

        Raises
        ------
        StoreError
            A data file that the log calls live is missing or damaged, or the log has holes.
        """
        with staging.staging_folder(self.layout) as folder, self._lock("rebuild"):
            return snapshots.rebuild(self.layout, folder)

    def close(self) -> None:
        """Let go of the database file."""
        self._confined.close()
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def _lock(self, purpose: str) -> AbstractContextManager[None]:
        return write_lock(self.layout.lock, purpose, self.lock_timeout_seconds)

    def _make(self) -> None:
        root = self.layout.root
        if root.exists() and not (root.is_dir() and self.layout.is_empty_or_half_made()):
            raise StoreError(f"{root} is not an empty folder; a new store needs a path of its own")
        self.layout.make_folders()
        with staging.staging_folder(self.layout) as folder, self.begin("init", folder) as change:
            change.finish(even_if_empty=change.base == 0)  # somebody may have made it meanwhile

    def _recover_if_idle(self) -> None:
        """Finish what a crash left, unless somebody is writing just now, who then does it."""
        if not snapshots.needs_recovery(self.layout):
            return
        try:
            with write_lock(self.layout.lock, "recover", 0.0):
                self.layout.make_folders()
                snapshots.recover(self.layout)
        except StoreLockedError:
            return
        except OSError as error:
            # Who may only read leaves it to the next writer: the newest generation there is can be read as it is.
            if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise

    def _check_place(self) -> None:
        with self.connection() as connection:
            row = connection.execute(sqlfiles.load("snapshot.store_info")).fetchone()
        if row is not None and row[0] != log.FORMAT_VERSION:
            raise StoreFormatError(
                f"{self.path}: the store has format {row[0]}; this version of mtstore reads {log.FORMAT_VERSION}"
            )
        made_at = row[2] if row else None
        if made_at != str(self.path):
            raise StoreMovedError(
                f"the store at {self.path} was made at {made_at}, and its views name files there; "
                f"`mtstore rebuild {self.path}` writes them anew for this place"
            )
