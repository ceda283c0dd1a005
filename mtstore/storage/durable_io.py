"""Writes that survive a power cut: sync files and folders, rename into place, copy as read-only."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def make_read_only(path: Path) -> None:
    """Remove all write permissions of a file; its read permissions stay."""
    path.chmod(path.stat().st_mode & 0o444)


def fsync_file(path: Path) -> None:
    """Force a file's content to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Force a folder's entries to disk: a new or renamed file survives a power cut only with its folder's entry."""
    fsync_file(path)


def make_folder(path: Path, stop: Path) -> list[Path]:
    """Create `path` and its parents below `stop`; return the folders to `fsync_folder`."""
    missing = []
    while path != stop and not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
    return [path, *missing] if missing else []


def copy_read_only(source: Path, target: Path) -> None:
    """Copy a file to a new read-only one, and force it to disk."""
    with source.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
    make_read_only(target)


def replace_symlink(link: Path, target: Path, temporary: Path) -> None:
    """Point `link` at `target` in one step: a reader sees either the old or the new target."""
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)
    fsync_folder(link.parent)
