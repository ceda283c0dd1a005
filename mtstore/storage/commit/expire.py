"""Delete retired data files and old snapshots once their grace period has passed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.storage.layout import Layout

if TYPE_CHECKING:
    import duckdb


def expired_files(connection: duckdb.DuckDBPyConnection, before: datetime) -> list[dict[str, Any]]:
    """Return the data files that were retired before `before`."""
    return fetch_rows(connection, sqlfiles.load("commit.expired_files"), {"before": before})


def delete_files(layout: Layout, expired: list[dict[str, Any]]) -> None:
    """Delete retired data files that a commit has removed from the tables."""
    for row in expired:
        (layout.root / row["path"]).unlink(missing_ok=True)


def delete_snapshots(layout: Layout, before: datetime) -> None:
    """Delete the private and public snapshots that were superseded before `before`; never the newest."""
    numbers = layout.snapshots(layout.catalog)
    kept = {numbers[-1]}
    for number, successor in pairwise(numbers):
        superseded_at = datetime.fromtimestamp(layout.catalog_file(successor).stat().st_mtime, UTC)
        if superseded_at >= before:
            kept.add(number)
    # Public files first: a public file without its private one would be reported as damage.
    for number in layout.snapshots(layout.public):
        if number not in kept:
            shutil.rmtree(layout.public_file(number).parent, ignore_errors=True)
    for number in numbers:
        if number not in kept:
            layout.catalog_file(number).unlink(missing_ok=True)
