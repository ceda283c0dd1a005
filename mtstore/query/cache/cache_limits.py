"""Room in the cache: what must go to stay below `cache.max_size_gb`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtstore.query.cache import result_cache
from mtstore.query.cache.size_limit import SizeLimit
from mtstore.storage.maintenance import evict

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.storage.repository import Repository


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What went to make room.

    Attributes
    ----------
    derived_bytes
        Bytes of derived results, which are free at once.
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
    """Make room as the configuration's `cache` says: derived results first, then, if they may, fetched bars.

    `max_bytes` None is `cache.max_size_gb`.
    """
    cache = config.multi_ticker.cache
    room = SizeLimit.from_config(cache)
    limit = room.max_bytes if max_bytes is None else max_bytes
    if cache.evict != "refetchable":
        return PruneResult(result_cache.enforce_limit(store, limit, room.ttl_seconds), ())
    with store.connection() as connection:
        entries = evict.partitions(connection, config.sources)
    fetched = sum(entry.byte_size for entry in entries if entry.is_evictable)
    freed = result_cache.enforce_limit(store, max(limit - fetched, 0), room.ttl_seconds)
    gone = evict.evict(store, config.sources, limit) if fetched > limit else []
    return PruneResult(freed, tuple(gone))
