"""Read the files of a request into the system's page cache in the background."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore import sqlfiles

if TYPE_CHECKING:
    from mtstore.query.request.request import SeriesRequest
    from mtstore.query.snapshot.store_facts import StoreFacts


def prefetch(facts: StoreFacts, root: Path, call: SeriesRequest) -> int:
    """Start reading the files of a request's range, and return their size in bytes."""
    start_us, end_us = call.bounds.covering_us()
    parameters = call.series_parameters() | {"first_us": start_us, "last_us": end_us}
    size = 0
    for path, byte_size in facts.connection.execute(sqlfiles.load("request.files"), parameters).fetchall():
        size += byte_size
        with suppress(FileNotFoundError):  # retired since; the load reports it
            _advise(root / path)
    return size


def _advise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
        else:
            while os.read(descriptor, 1 << 20):
                pass
    finally:
        os.close(descriptor)
