"""The write lock: one writer at a time. The operating system releases it when its holder dies."""

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


@contextmanager
def write_lock(path: Path, purpose: str, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> Iterator[None]:
    """Hold the store's write lock; other threads and processes wait for it.

    Raises
    ------
    StoreLockedError
        Others held it for longer than `timeout_seconds`; the message names the holder and the time.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _acquire(descriptor, path, timeout_seconds)
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
    finally:
        os.close(descriptor)  # releases the lock; the file stays, or a waiting process would lock a deleted one


def _acquire(descriptor: int, path: Path, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise StoreLockedError(
                    f"{path}: {_describe_holder(descriptor)}; gave up after {timeout_seconds:g} s. "
                    "Wait for it to end, or allow more time with --lock-timeout"
                ) from error
            time.sleep(_POLL_SECONDS)
        else:
            return


def _describe_holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4_096, 0))
    except ValueError:
        return "another process holds the write lock"
    return (
        f"process {holder['pid']} on {holder['host']} ({holder['command']}: {holder['purpose']}) "
        f"has held the write lock since {holder['since']}"
    )
