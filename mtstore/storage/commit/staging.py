"""Staging folders: one per running writer, under `tmp/`, held by a lock that dies with the process.

The lock is a file beside the folder, made and locked before the folder exists and deleted after it is gone, by whoever
holds it: a folder that nobody locks is a dead writer's.
"""

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
from mtstore.storage.layout import Layout, new_id
from mtstore.storage.reading import spill
from mtstore.storage.reading.attach import attached

_INTENT = "intent.json"


@contextmanager
def staging_folder(layout: Layout) -> Iterator[Path]:
    """A folder for a writer's unfinished files; it goes when the writer does."""
    layout.make_folders()
    folder, descriptor = _locked_name(layout)
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _lock_of(folder).unlink(missing_ok=True)
        os.close(descriptor)


def _locked_name(layout: Layout) -> tuple[Path, int]:
    """A folder name that is ours: its lock file is locked, and still the file of that name."""
    while True:
        folder = layout.tmp / f"run-{new_id()}"
        descriptor = os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return folder, descriptor
        os.close(descriptor)  # somebody swept the file away before it was locked


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def has_leftovers(layout: Layout) -> bool:
    """Whether there is anything that a dead writer may have left; a living one's last moves look the same."""
    unfinished = (*layout.public.glob("building-*"), *layout.root.glob("link-*"))
    return any(not _is_alive(lock) for lock in layout.tmp.glob("run-*.lock")) or any(unfinished)


def _is_alive(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return True  # its writer has just ended
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sweep(layout: Layout) -> list[Path]:
    """Remove what dead writers left: their staging folders, and data files renamed into place but never committed.

    The caller holds the write lock and has rolled the log forward. Gives the orphaned data files that were deleted.
    """
    orphans: list[Path] = []
    names = {path.name.removesuffix(".lock") for path in layout.tmp.glob("run-*")}
    for name in sorted(names):
        orphans += _sweep_folder(layout, layout.tmp / name)
    for folder in layout.public.glob("building-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for path in (*layout.root.glob("link-*"), *layout.tmp.glob("*.duckdb*")):
        path.unlink(missing_ok=True)
    spill.sweep(layout)
    return orphans


def _sweep_folder(layout: Layout, folder: Path) -> list[Path]:
    descriptor = os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return []  # its writer lives
    try:
        intent = folder / _INTENT
        orphans = _remove_uncommitted(layout, _read_intent(intent)) if intent.exists() else []
        shutil.rmtree(folder, ignore_errors=True)
        _lock_of(folder).unlink(missing_ok=True)
        return orphans
    finally:
        os.close(descriptor)


def _read_intent(path: Path) -> list[str]:
    # An intent that was cut by the crash was not durable yet, so nothing had been renamed.
    with suppress(ValueError):
        return [str(name) for name in json.loads(path.read_text())]
    return []


def _remove_uncommitted(layout: Layout, names: list[str]) -> list[Path]:
    generation = layout.newest_snapshot()
    if not generation:
        raise StoreError(f"{layout.catalog}: no generation to hold an unfinished commit against")
    with attached(layout.catalog_file(generation), read_only=True) as connection:
        known = {row[0] for row in connection.execute(sqlfiles.load("commit.all_paths")).fetchall()}
    orphans = [layout.root / name for name in names if name not in known and (layout.root / name).exists()]
    for path in orphans:
        path.unlink()
    return orphans
