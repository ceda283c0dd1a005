"""Room in the cache: what lies in it, what must go to stay below `cache.max_size_gb`, and who is pinned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.errors import InputError
from mtstore.query import derived
from mtstore.store import evict
from mtstore.store.staging import staging_folder
from mtstore.words import did_you_mean

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.facade import Store

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Pruned:
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
    partitions: tuple[evict.Entry, ...]

    @property
    def bytes(self) -> int:
        return self.derived_bytes + sum(entry.byte_size for entry in self.partitions)


def prune(store: Store, config: Config, max_bytes: int | None = None) -> Pruned:
    """Make room as the configuration's `cache` says: derived results first, then, if they may, fetched bars.

    `max_bytes` None is `cache.max_size_gb`.
    """
    cache = config.multi_ticker.cache
    limit = int(cache.max_size_gb * 1e9) if max_bytes is None else max_bytes
    ttl_seconds = None if cache.ttl_days is None else cache.ttl_days * SECONDS_PER_DAY
    if cache.evict != "refetchable":
        return Pruned(derived.keep_within(store, limit, ttl_seconds), ())
    with store.connection() as connection:
        entries = evict.partitions(connection, config.sources)
    fetched = sum(entry.byte_size for entry in entries if entry.is_evictable)
    freed = derived.keep_within(store, max(limit - fetched, 0), ttl_seconds)
    gone = evict.evict(store, config.sources, limit) if fetched > limit else []
    return Pruned(freed, tuple(gone))


def pinned(store: Store) -> list[str]:
    """The tickers whose bars are never evicted."""
    with store.connection() as connection:
        return [row[0] for row in connection.execute(sqlfiles.load("queries/pinned_tickers")).fetchall()]


def pin(store: Store, tickers: Iterable[str], *, is_pinned: bool = True) -> list[str]:
    """Pin tickers, or let them go; gives all that are pinned now.

    Raises
    ------
    InputError
        A ticker to pin of which the store knows nothing, or one to let go that is not pinned.
    """
    names = list(dict.fromkeys(tickers))
    held = pinned(store)
    known = [*store.tickers(), *_settled(store)] if is_pinned else held
    for name in names:
        if name not in known:
            what = "known to the store" if is_pinned else "pinned"
            raise InputError(f"ticker {name!r} is not {what}{did_you_mean(name, known)}")
    with staging_folder(store.layout) as folder, store.begin("pin", folder) as commit:
        if is_pinned:
            now = datetime.now(UTC)
            commit.put("pins", [{"ticker": name, "pinned_at": now} for name in names if name not in held])
        else:
            commit.delete("pins", [{"ticker": name} for name in names])
        commit.finish()
    return pinned(store)


def _settled(store: Store) -> list[str]:
    return [row[0] for row in store.sql(sqlfiles.load("queries/cached_tickers")).fetchall()]


def derived_rows(store: Store) -> list[dict[str, Any]]:
    """Derived results, the one that was used longest ago first: key, tickers, byte_size, made_at, used_at."""
    return [
        {
            "key": entry.path.name,
            "tickers": list(entry.tickers),
            "byte_size": entry.byte_size,
            "made_at": entry.made_at,
            "used_at": entry.used_at,
        }
        for entry in derived.entries(store)
    ]
