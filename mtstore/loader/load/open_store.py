"""Open the store that a configuration names, and hold it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mtstore.store import Store

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.loader.load.fetch_missing import MissingDataFetcher


def open_store(
    config: Config, fetcher: MissingDataFetcher, resources: ExitStack, *, owner: object, memory_limit: str | None = None
) -> Store:
    """Open the configured store, which `resources` closes; create it where vendors can fill it.

    With vendors and `cache.enabled: false`, nothing is kept: a temporary store is deleted with `owner`, at the latest
    when the process ends.
    """
    path = config.store_path
    if fetcher.is_active and not config.multi_ticker.cache.enabled:
        folder = tempfile.mkdtemp(prefix="mtstore-")
        resources.callback(weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True))
        path = Path(folder) / "store"
    return resources.enter_context(Store.open(path, create=fetcher.is_active, memory_limit=memory_limit))


class StoreHolder:
    """Base of the classes that use a store: `_resources` closes it, if they opened it."""

    _store: Store
    _resources: ExitStack

    @property
    def store(self) -> Store:
        """The store in use."""
        return self._store

    def close(self) -> None:
        """Close the store, if this object opened it."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._store.path)!r})"
