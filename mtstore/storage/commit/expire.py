"""Deleting what nobody may read any more: retired data files and old generations, once the grace period has passed."""

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
    """The data files that were retired before `before`."""
    return fetch_rows(connection, sqlfiles.load("commit.expired_files"), {"before": before})


def delete_files(layout: Layout, expired: list[dict[str, Any]]) -> None:
    """Delete retired data files; a commit has already forgotten them."""
    for row in expired:
        (layout.root / row["path"]).unlink(missing_ok=True)


def delete_snapshots(layout: Layout, before: datetime) -> None:
    """Delete the generations, private and public, that were superseded before `before`; never the newest."""
    generations = layout.snapshots(layout.catalog)
    kept = {generations[-1]}
    for generation, successor in pairwise(generations):
        superseded_at = datetime.fromtimestamp(layout.catalog_file(successor).stat().st_mtime, UTC)
        if superseded_at >= before:
            kept.add(generation)
    for generation in layout.snapshots(layout.public):
        if generation not in kept:
            shutil.rmtree(layout.public_file(generation).parent, ignore_errors=True)
    for generation in generations:
        if generation not in kept:
            layout.catalog_file(generation).unlink(missing_ok=True)
