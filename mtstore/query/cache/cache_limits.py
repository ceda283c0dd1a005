"""Keep the cache below `cache.max_size_gb`: delete results, then evict fetched bars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mtstore.query.cache import result_cache
from mtstore.query.cache.size_limit import SizeLimit
from mtstore.storage.maintenance import evict

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.storage.repository import Repository


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What was deleted to keep the cache within its limit.

    Attributes
    ----------
    derived_bytes
        Bytes of cached results, which are free at once.
    partitions
        Fetched partitions; their files are deleted after the store's grace period.
    bytes
        Bytes of both.
    """

    derived_bytes: int
    partitions: tuple[evict.CachedPartition, ...]

    @property
    def bytes(self) -> int:
        return self.derived_bytes + sum(entry.byte_size for entry in self.partitions)


def enforce_cache_limits(store: Repository, config: Config, max_bytes: int | None = None) -> PruneResult:
    """Delete cached results first, then, if `cache.evict` allows it, fetched bars.

    `max_bytes` None is `cache.max_size_gb`.
    """
    cache = config.multi_ticker.cache
    limit = SizeLimit.from_config(cache)
    if max_bytes is not None:
        limit = replace(limit, max_bytes=max_bytes)
    if cache.evict != "refetchable":
        return PruneResult(result_cache.enforce_limit(store, limit), ())
    with store.connection() as connection:
        entries = evict.partitions(connection, config.sources)
    fetched = sum(entry.byte_size for entry in entries if entry.is_evictable)
    freed = result_cache.enforce_limit(store, replace(limit, max_bytes=max(limit.max_bytes - fetched, 0)))
    evicted = evict.evict(store, config.sources, limit.max_bytes) if fetched > limit.max_bytes else []
    return PruneResult(freed, tuple(evicted))
