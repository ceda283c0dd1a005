"""Writes that survive a power cut: fsync of files and folders, rename into place, copies that are born read-only."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def make_read_only(path: Path) -> None:
    """Take away everybody's right to write a file; who may read it stays as the user's umask has it."""
    path.chmod(path.stat().st_mode & 0o444)


def fsync_file(path: Path) -> None:
    """Force a file's content to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Force a folder's names to disk."""
    fsync_file(path)


def make_folder(path: Path, stop: Path) -> list[Path]:
    """Make `path` and its parents below `stop`; gives the folders whose names must be forced to disk."""
    missing = []
    while path != stop and not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
    return [path, *missing] if missing else []


def copy_read_only(source: Path, target: Path) -> None:
    """Copy a file, force it to disk, and take away everybody's right to write it."""
    with source.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
    make_read_only(target)


def replace_symlink(link: Path, target: Path, temporary: Path) -> None:
    """Point `link` at `target` in one step: a reader sees the old or the new one, never none."""
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)
    fsync_folder(link.parent)
