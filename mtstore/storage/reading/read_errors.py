"""Explain why a data file cannot be read: damaged, deleted, or expired under an old snapshot."""

from __future__ import annotations

import re
from pathlib import Path

from mtstore import sqlfiles
from mtstore.errors import SnapshotExpiredError, StoreError
from mtstore.storage.layout import Layout
from mtstore.storage.reading.attach import attached

_DATA_FILE = re.compile(r""""(/[^"]+/data/schema=[^"]+\.parquet)"|'(/[^']+/data/schema=[^']+\.parquet)'""")


def unreadable_file(error: Exception) -> StoreError | None:
    """Return the error to raise if DuckDB's error names a data file; None if it is about something else."""
    found = _DATA_FILE.search(str(error))
    return why_unreadable(Path(found[1] or found[2]), error) if found else None


def why_unreadable(path: Path, error: Exception) -> StoreError:
    """Return the error to raise for a data file that cannot be read, with its remedy."""
    reason = str(error).removeprefix("Invalid Input Error: ").partition("\n")[0]
    root = next((folder.parent for folder in path.parents if folder.name == "data"), None)
    if root is None:  # not in a store
        return StoreError(f"{path} cannot be read: {reason}")
    if path.exists():
        return StoreError(
            f"{path} cannot be read: {reason}; `mtstore verify {root}` checks whether it is damaged, "
            f"and `mtstore repair {root}` sets it aside, so that its range can be ingested again"
        )
    if _is_active(Layout(root), path):
        return StoreError(
            f"{path} is gone, and the store did not delete it; put it back from a copy, "
            f"or let `mtstore repair {root}` remove it, so that its range can be ingested again"
        )
    return SnapshotExpiredError(
        f"{path} is gone: the grace period of this reader's snapshot is over; read the newest one"
    )


def _is_active(layout: Layout, path: Path) -> bool:
    with attached(layout.public_link, read_only=True) as connection:
        parameters = {"path": str(path.relative_to(layout.root))}
        return bool(connection.execute(sqlfiles.load("commit.active_file"), parameters).fetchall())
