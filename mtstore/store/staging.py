"""Staging folders: one per running writer, under `tmp/`, held by a lock that dies with the process."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mtstore import sqlfiles
from mtstore.errors import StoreError
from mtstore.store.database import attached, newest_generation
from mtstore.store.layout import Layout, new_id

_ALIVE = "alive.lock"
_INTENT = "intent.json"


@contextmanager
def staging_folder(layout: Layout) -> Iterator[Path]:
    """A folder for a writer's unfinished files; it goes when the writer does."""
    folder = layout.tmp / f"run-{new_id()}"
    folder.mkdir()
    descriptor = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep(layout: Layout) -> list[Path]:
    """Remove what dead writers left: their staging folders, and data files renamed into place but never committed.

    The caller holds the write lock and has rolled the log forward. Gives the orphaned data files that were deleted.
    """
    orphans: list[Path] = []
    for folder in sorted(layout.tmp.glob("run-*")):
        if _is_alive(folder):
            continue
        intent = folder / _INTENT
        if intent.exists():
            orphans += _remove_uncommitted(layout, _read_intent(intent))
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (*layout.public.glob("building-*"),):
        shutil.rmtree(folder, ignore_errors=True)
    for path in (*layout.root.glob("link-*"), *layout.tmp.glob("*.duckdb*")):
        path.unlink(missing_ok=True)
    return orphans


def _is_alive(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _ALIVE, os.O_RDWR)
    except FileNotFoundError:
        return False  # died between making the folder and the lock; the write lock keeps newcomers out of our way
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _read_intent(path: Path) -> list[str]:
    # An intent that was cut by the crash was not durable yet, so nothing had been renamed.
    with suppress(ValueError):
        return [str(name) for name in json.loads(path.read_text())]
    return []


def _remove_uncommitted(layout: Layout, names: list[str]) -> list[Path]:
    generation = newest_generation(layout)
    if generation is None:
        raise StoreError(f"{layout.catalog}: no generation to hold an unfinished commit against")
    with attached(layout.catalog_file(generation), read_only=True) as connection:
        known = {row[0] for row in connection.execute(sqlfiles.load("queries/known_paths")).fetchall()}
    orphans = [layout.root / name for name in names if name not in known and (layout.root / name).exists()]
    for path in orphans:
        path.unlink()
    return orphans
