"""The write lock: one writer at a time. The operating system releases it when its holder dies.

Who waits for it first takes the place of the next writer, which is a second lock: a process that commits in a loop must
queue for that place like the others, and cannot take the lock again and again between two looks of one that waits.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mtstore.errors import StoreLockedError

DEFAULT_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.02


def next_lock(path: Path) -> Path:
    """Return the lock file of the next writer, beside the write lock's own."""
    return path.with_suffix(".next")


@contextmanager
def write_lock(path: Path, purpose: str, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> Iterator[None]:
    """Hold the store's write lock; other threads and processes wait for it.

    Raises
    ------
    StoreLockedError
        Others held it for longer than `timeout_seconds`; the message names the holder and the time.
    """
    deadline = time.monotonic() + timeout_seconds
    with _open(path) as descriptor:
        with _open(next_lock(path)) as place:
            if not (_acquire(place, deadline) and _acquire(descriptor, deadline)):
                raise StoreLockedError(
                    f"{path}: {_describe_holder(descriptor)}; gave up after {timeout_seconds:g} s. "
                    "Wait for it to end, or allow more time with --lock-timeout"
                )
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "purpose": purpose,
            "command": Path(sys.argv[0]).name if sys.argv else "",
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield


@contextmanager
def _open(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # releases the lock; the file stays, or a waiting process would lock a deleted one


def _acquire(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def _describe_holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4_096, 0))
    except ValueError:
        return "another process holds the write lock"
    return (
        f"process {holder['pid']} on {holder['host']} ({holder['command']}: {holder['purpose']}) "
        f"has held the write lock since {holder['since']}"
    )
