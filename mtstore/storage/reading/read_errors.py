"""Data files that cannot be read: whether the reader is too old for them, or they were lost or damaged."""

from __future__ import annotations

import re
from pathlib import Path

from mtstore import sqlfiles
from mtstore.errors import SnapshotExpiredError, StoreError
from mtstore.storage.layout import Layout
from mtstore.storage.reading.attach import attached

_NAMED = re.compile(r""""(/[^"]+/data/schema=[^"]+\.parquet)"|'(/[^']+/data/schema=[^']+\.parquet)'""")


def data_file_named_in(message: str) -> Path | None:
    """The data file that an error of DuckDB's speaks of."""
    found = _NAMED.search(message)
    return Path(found[1] or found[2]) if found else None


def why_unreadable(path: Path, error: Exception) -> StoreError:
    """What it means that a store's data file cannot be read, as the error to raise."""
    reason = str(error).removeprefix("Invalid Input Error: ").partition("\n")[0]
    root = next((folder.parent for folder in path.parents if folder.name == "data"), None)
    if root is None:  # beside a store
        return StoreError(f"{path} cannot be read: {reason}")
    if path.exists():
        return StoreError(
            f"{path} cannot be read: {reason}; `mtstore verify {root}` says whether it is damaged, "
            f"and `mtstore repair {root}` sets it aside, so that its range can be ingested again"
        )
    if _is_listed(Layout(root), path):
        return StoreError(
            f"{path} is gone, and nothing of the store's deleted it; put it back from a copy, "
            f"or let `mtstore repair {root}` forget it, so that its range can be ingested again"
        )
    return SnapshotExpiredError(
        f"{path} is gone: the grace period of this reader's generation is over; read the newest one"
    )


def _is_listed(layout: Layout, path: Path) -> bool:
    with attached(layout.public_link, read_only=True) as connection:
        named = {"path": str(path.relative_to(layout.root))}
        return bool(connection.execute(sqlfiles.load("commit.active_file"), named).fetchall())
