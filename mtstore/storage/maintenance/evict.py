"""Eviction: fetched bars that go to stay below a size, the ones that were used longest ago first.

Only what a vendor can be asked for again goes: nothing that came from files, nothing of a pinned ticker. What goes
loses its coverage with it, so that it is fetched again when somebody wants it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.ranges import US_PER_SECOND, TimeRange
from mtstore.storage.commit import last_used
from mtstore.storage.commit.staging import staging_folder
from mtstore.storage.layout import Partition

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.repository import Repository

# Of daily bars, which lie in one partition, all coverage goes.
_FIRST_YEAR, _LAST_YEAR = 1900, 2262


@dataclass(frozen=True, slots=True)
class CachedPartition:
    """One partition as the cache sees it; `is_evictable` where it could be fetched again and nobody pinned it."""

    partition: Partition
    byte_size: int
    used_at: datetime
    is_pinned: bool
    is_evictable: bool


def partitions(connection: duckdb.DuckDBPyConnection, sources: Collection[str]) -> list[CachedPartition]:
    """Every partition, the one that was used longest ago first; `sources` are those that can be asked again."""
    rows = fetch_rows(connection, sqlfiles.load("cache.partitions"), {"sources": sorted(sources)})
    return [
        CachedPartition(
            Partition(row["schema"], row["source"], row["ticker"], row["year"]),
            row["byte_size"],
            row["used_at"],
            row["is_pinned"],
            row["is_evictable"],
        )
        for row in rows
    ]


def evict(store: Repository, sources: Collection[str], max_bytes: int) -> list[CachedPartition]:
    """Evict partitions until those that could be weigh `max_bytes` at most; gives what went.

    The files are deleted once no reader can need them: after the store's grace period.
    """
    with staging_folder(store.layout) as folder, store.begin("evict", folder) as commit:
        found = [entry for entry in partitions(commit.reader, sources) if entry.is_evictable]
        noted, _ = last_used.read_last_used(store.layout, commit.reader)
        gone = _oldest(_by_use(found, noted), sum(entry.byte_size for entry in found) - max_bytes)
        files = commit.active_files([entry.partition for entry in gone])
        for entry in gone:
            partition = entry.partition
            commit.retire(files[partition])
            commit.remove_coverage(partition.source, partition.schema, partition.ticker, [_span(partition.year)])
        commit.finish()
    return gone


def _by_use(entries: Sequence[CachedPartition], noted: Sequence[Mapping[str, Any]]) -> list[CachedPartition]:
    """In order of use, with what no commit has folded in yet."""
    latest = {(row["ticker"], row["year"]): row["used_at"] for row in noted}

    def used_at(entry: CachedPartition) -> datetime:
        ticker, year = entry.partition.ticker, entry.partition.year
        years = {key for name, key in latest if name == ticker} if year is None else {year, last_used.EVERY_YEAR}
        found: list[datetime] = [latest[ticker, key] for key in years if (ticker, key) in latest]
        return max([entry.used_at, *found])

    return sorted(entries, key=used_at)


def _oldest(entries: Sequence[CachedPartition], excess: int) -> list[CachedPartition]:
    """The first of the entries that weigh at least `excess` together."""
    gone = []
    for entry in entries:
        if excess <= 0:
            break
        gone.append(entry)
        excess -= entry.byte_size
    return gone


def _span(year: int | None) -> TimeRange:
    """A partition's range: its UTC year."""
    first, last = (_FIRST_YEAR, _LAST_YEAR) if year is None else (year, year + 1)
    return TimeRange(*(int(datetime(at, 1, 1, tzinfo=UTC).timestamp()) * US_PER_SECOND for at in (first, last)))
