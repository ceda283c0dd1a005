"""mtstore: a SQL-backed store for the market data of many tickers, and the query layer over it.

    import mtstore
    store = mtstore.open("market", create=True)
    store.ingest("flatfiles/us_stocks_sip/minute_aggs_v1")
    store.sql("FROM bars LIMIT 5").to_pandas()

Importing it loads neither DuckDB nor pandas nor the vendors' clients; each is imported on first use.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mtstore import errors
from mtstore.errors import *  # noqa: F403

if TYPE_CHECKING:
    from mtstore.ingest.files.report import IngestResult, IngestWarning
    from mtstore.ingest.network.report import FetchResult
    from mtstore.ingest.sniff.result import SniffedLayout, SniffResult
    from mtstore.ingest.sniff.sniff_files import sniff
    from mtstore.loader.aligner import DataAligner
    from mtstore.loader.cache_manager import CacheManager
    from mtstore.loader.legacy.single_ticker import TickerDataLoader, UnifiedDataLoader
    from mtstore.loader.load.result import LoadResult
    from mtstore.loader.metadata_manager import MetadataManager
    from mtstore.loader.multi_ticker import MultiTickerDataLoader
    from mtstore.loader.validation.outcome import DataQualityWarning
    from mtstore.query.align.tensor import Tensor
    from mtstore.query.cache.cache_limits import PruneResult
    from mtstore.storage.maintenance.compact import CompactResult
    from mtstore.storage.maintenance.problems import VerifyResult
    from mtstore.storage.maintenance.repair import RepairResult
    from mtstore.storage.maintenance.undo import UndoResult
    from mtstore.store import Store

__version__ = "0.1.0"

_LAZY = {
    "CacheManager": "mtstore.loader.cache_manager",
    "CompactResult": "mtstore.storage.maintenance.compact",
    "DataAligner": "mtstore.loader.aligner",
    "DataQualityWarning": "mtstore.loader.validation.outcome",
    "FetchResult": "mtstore.ingest.network.report",
    "IngestResult": "mtstore.ingest.files.report",
    "IngestWarning": "mtstore.ingest.files.report",
    "LoadResult": "mtstore.loader.load.result",
    "MetadataManager": "mtstore.loader.metadata_manager",
    "MultiTickerDataLoader": "mtstore.loader.multi_ticker",
    "PruneResult": "mtstore.query.cache.cache_limits",
    "RepairResult": "mtstore.storage.maintenance.repair",
    "SniffResult": "mtstore.ingest.sniff.result",
    "SniffedLayout": "mtstore.ingest.sniff.result",
    "Store": "mtstore.store",
    "Tensor": "mtstore.query.align.tensor",
    "TickerDataLoader": "mtstore.loader.legacy.single_ticker",
    "UndoResult": "mtstore.storage.maintenance.undo",
    "UnifiedDataLoader": "mtstore.loader.legacy.single_ticker",
    "VerifyResult": "mtstore.storage.maintenance.problems",
    "sniff": "mtstore.ingest.sniff.sniff_files",
}

__all__ = [
    "CacheManager",
    "CompactResult",
    "DataAligner",
    "DataQualityWarning",
    "FetchResult",
    "IngestResult",
    "IngestWarning",
    "LoadResult",
    "MetadataManager",
    "MultiTickerDataLoader",
    "PruneResult",
    "RepairResult",
    "SniffResult",
    "SniffedLayout",
    "Store",
    "Tensor",
    "TickerDataLoader",
    "UndoResult",
    "UnifiedDataLoader",
    "VerifyResult",
    "__version__",
    "errors",
    "open",
    "sniff",
]
__all__ += errors.__all__


def open(
    path: str | os.PathLike[str],
    *,
    create: bool = False,
    grace: timedelta = timedelta(days=7),
    lock_timeout_seconds: float = 60.0,
    memory_limit: str | int | None = None,
) -> Store:
    """Open the store in the folder `path`.

    Parameters
    ----------
    path
        The store's folder.
    create
        Create an empty store if there is none.
    grace
        How long retired files are kept for readers.
    lock_timeout_seconds
        How long a commit waits for another writer.
    memory_limit
        DuckDB's memory limit, such as '2GB', or a number of bytes; None: DuckDB's default.

    Raises
    ------
    InputError
        The path or the memory limit is not valid.
    StoreNotFoundError
        No store is at `path`, and `create` is false.
    StoreMovedError
        The store was created at another path.
    StoreFormatError
        The store was created by a version with another format.
    """
    from mtstore.store import Store

    return Store.open(
        path, create=create, grace=grace, lock_timeout_seconds=lock_timeout_seconds, memory_limit=memory_limit
    )


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mtstore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
