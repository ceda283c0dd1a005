"""Staging folders: one per running writer, under `tmp/`, with a lock that the process's death releases.

The lock is a file beside the folder. Its holder creates and locks it before the folder exists, and deletes it after the
folder is gone: a folder whose lock is free was left by a crash.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mtstore import sqlfiles
from mtstore.errors import StoreError
from mtstore.storage import durable_io
from mtstore.storage.layout import DOWNLOADS, Layout, new_id
from mtstore.storage.reading import connections
from mtstore.storage.reading.attach import attached

_INTENT = "intent.json"
_KEEP_DOWNLOADS_SECONDS = 86_400


@contextmanager
def staging_folder(layout: Layout) -> Iterator[Path]:
    """Create a folder for a writer's unfinished files, and delete it at the end."""
    layout.make_folders()
    _delete_old_downloads(layout)
    folder, descriptor = _locked_name(layout)
    try:
        folder.mkdir()
        yield folder
    finally:
        _rescue_downloads(layout, folder)
        shutil.rmtree(folder, ignore_errors=True)
        _lock_of(folder).unlink(missing_ok=True)
        os.close(descriptor)


def _rescue_downloads(layout: Layout, folder: Path) -> None:
    """Keep the downloads whose bars a run did not commit for the next one: they are paid for."""
    for path in (folder / DOWNLOADS).glob("*"):
        layout.downloads.mkdir(exist_ok=True)
        path.replace(layout.downloads / path.name)


def _delete_old_downloads(layout: Layout) -> None:
    for path in layout.downloads.glob("*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _KEEP_DOWNLOADS_SECONDS:
                path.unlink()


def _locked_name(layout: Layout) -> tuple[Path, int]:
    while True:
        folder = layout.tmp / f"run-{new_id()}"
        descriptor = os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return folder, descriptor
        os.close(descriptor)  # a sweep deleted the file before it was locked: other processes would not see this lock


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def write_intent(folder: Path, targets: Sequence[str]) -> None:
    """Record durably which files are about to be added or deleted, so that `sweep` can undo it after a crash."""
    intent = folder / _INTENT
    intent.write_text(json.dumps(targets))
    durable_io.fsync_file(intent)
    durable_io.fsync_folder(folder)


def has_leftovers(layout: Layout) -> bool:
    """Return whether a crash may have left files; the last moves of a running writer look the same."""
    unfinished = (*layout.public.glob("building-*"), *layout.root.glob("link-*"))
    return any(not _is_locked(lock) for lock in layout.tmp.glob("run-*.lock")) or any(unfinished)


def _is_locked(lock: Path) -> bool:
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


def sweep(layout: Layout) -> None:
    """Delete what crashed writers left: staging folders, and data files that were renamed but never committed.

    The caller holds the write lock and has completed the newest commit.
    """
    names = {path.name.removesuffix(".lock") for path in layout.tmp.glob("run-*")}
    for name in sorted(names):
        _sweep_folder(layout, layout.tmp / name)
    for folder in layout.public.glob("building-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for path in (*layout.root.glob("link-*"), *layout.tmp.glob("*.duckdb*")):
        path.unlink(missing_ok=True)
    connections.sweep_spill_folders(layout)


def _sweep_folder(layout: Layout, folder: Path) -> None:
    descriptor = os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return  # its writer is running
    try:
        if (folder / _INTENT).exists():
            _delete_uncommitted(layout, _read_intent(folder / _INTENT))
        _rescue_downloads(layout, folder)
        shutil.rmtree(folder, ignore_errors=True)
        _lock_of(folder).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _read_intent(path: Path) -> list[str]:
    # An intent that the crash cut short was not durable yet, so no file had been renamed.
    with suppress(ValueError):
        return [str(name) for name in json.loads(path.read_text())]
    return []


def _delete_uncommitted(layout: Layout, names: list[str]) -> None:
    newest = layout.newest_snapshot()
    if not newest:
        raise StoreError(f"{layout.catalog}: no snapshot to compare an unfinished commit with")
    with attached(layout.catalog_file(newest), read_only=True) as connection:
        known = {path for path, _ in connection.execute(sqlfiles.load("commit.all_files")).fetchall()}
    for name in names:
        if name not in known:
            (layout.root / name).unlink(missing_ok=True)
