"""Merge the files of a partition into one, on request; ingest itself merges only beyond the limit."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtstore.arguments import ticker_names
from mtstore.ranges import normalise
from mtstore.storage.files import data_file
from mtstore.storage.files.active_files import all_active_files, check_stored
from mtstore.storage.files.data_file import DataFile, Provenance
from mtstore.storage.layout import Partition, new_id

if TYPE_CHECKING:
    from pathlib import Path

    from mtstore.storage.commit.commit import Commit
    from mtstore.storage.repository import Repository

PARTITIONS_PER_COMMIT = 500


@dataclass(frozen=True, slots=True)
class CompactResult:
    """What `compact` did."""

    partitions: int
    files_before: int
    files_after: int


def compact(store: Repository, tickers: str | Iterable[str] | None = None) -> CompactResult:
    """Merge the files of every partition (of some tickers) into one.

    Rows and coverage do not change. The merged files stay readable for the grace period.

    Raises
    ------
    TickerError
        Nothing is stored of one of `tickers`.
    """
    names = ticker_names(tickers)
    with store.connection() as connection:
        check_stored(connection, names or ())
        found = all_active_files(connection, names)
    scattered = [partition for partition, files in found.items() if len(files) > 1]
    merged = before = 0
    for start in range(0, len(scattered), PARTITIONS_PER_COMMIT):
        batch = scattered[start : start + PARTITIONS_PER_COMMIT]
        with store.begin("compact") as commit:
            for partition, files in commit.active_files(batch).items():
                if len(files) > 1:  # another process may have merged them since
                    merged, before = merged + 1, before + len(files)
                    _merge(store.layout.root, commit, partition, files)
            commit.finish()
    return CompactResult(merged, before, merged)


def _merge(root: Path, commit: Commit, partition: Partition, files: list[DataFile]) -> None:
    footers = [data_file.read_footer(root, file.path)[1] for file in files]
    newest = max(files, key=lambda file: file.written_at_us)
    origin = footers[files.index(newest)]
    merged = data_file.write(
        data_file.read_bars(root, [file.path for file in files]),
        partition,
        commit.staging,
        day_tz=newest.day_tz,
        written_at_us=time.time_ns() // 1_000,
        provenance=Provenance(
            origin.provider,
            origin.dataset,
            f"compact-{new_id()}",
            origin.request,
            normalise(bounds for footer in footers for bounds in footer.covers),
        ),
    )
    commit.retire(files)
    commit.add_file(merged)
