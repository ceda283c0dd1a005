"""Evict fetched bars to stay below a size, those that were not used for longest first.

Only bars that a vendor can deliver again are evicted: none that came from files, none of a pinned ticker. Their
coverage is removed with them, so that a later request fetches them again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.ranges import TimeRange, midnight_us
from mtstore.storage.commit import last_used
from mtstore.storage.layout import Partition

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.repository import Repository

# Daily bars are in one partition: all of their coverage is removed.
_FIRST_YEAR, _LAST_YEAR = 1900, 2262


@dataclass(frozen=True, slots=True)
class CachedPartition:
    """One partition as the cache sees it; `is_evictable` if it can be fetched again and is not pinned."""

    partition: Partition
    byte_size: int
    used_at: datetime
    is_pinned: bool
    is_evictable: bool


def partitions(connection: duckdb.DuckDBPyConnection, sources: Collection[str]) -> list[CachedPartition]:
    """Return every partition, the least recently used first; `sources` are those that can deliver bars again."""
    rows = fetch_rows(connection, sqlfiles.load("cache.partitions"), {"sources": sorted(sources)})
    return [
        CachedPartition(Partition(row.pop("schema"), row.pop("source"), row.pop("ticker"), row.pop("year")), **row)
        for row in rows
    ]


def evict(store: Repository, sources: Collection[str], max_bytes: int) -> list[CachedPartition]:
    """Evict partitions until the evictable ones take at most `max_bytes`; return the evicted ones.

    Their files are deleted after the store's grace period.
    """
    with store.begin("evict") as commit:
        found = [entry for entry in partitions(commit.reader, sources) if entry.is_evictable]
        recorded, _ = last_used.read_last_used(store.layout, commit.reader)
        gone = _least_used(_by_use(found, recorded), sum(entry.byte_size for entry in found) - max_bytes)
        files = commit.active_files([entry.partition for entry in gone])
        for entry in gone:
            partition = entry.partition
            commit.retire(files[partition])
            commit.remove_coverage(partition.source, partition.schema, partition.ticker, [_range_of(partition.year)])
        commit.finish()
    return gone


def _by_use(entries: Sequence[CachedPartition], recorded: Sequence[Mapping[str, Any]]) -> list[CachedPartition]:
    """Sort by last use; `recorded` are the uses that no commit has stored yet."""
    latest = {(row["ticker"], row["year"]): row["used_at"] for row in recorded}

    def used_at(entry: CachedPartition) -> datetime:
        ticker, year = entry.partition.ticker, entry.partition.year
        years = {key for name, key in latest if name == ticker} if year is None else {year, last_used.EVERY_YEAR}
        found: list[datetime] = [latest[ticker, key] for key in years if (ticker, key) in latest]
        return max([entry.used_at, *found])

    return sorted(entries, key=used_at)


def _least_used(entries: Sequence[CachedPartition], excess: int) -> list[CachedPartition]:
    """Return the first entries that take at least `excess` bytes together."""
    gone = []
    for entry in entries:
        if excess <= 0:
            break
        gone.append(entry)
        excess -= entry.byte_size
    return gone


def _range_of(year: int | None) -> TimeRange:
    first, last = (_FIRST_YEAR, _LAST_YEAR) if year is None else (year, year + 1)
    return TimeRange(midnight_us(date(first, 1, 1)), midnight_us(date(last, 1, 1)))
