"""Warming: the files that a call reads, brought into the system's page cache before they are asked for."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore import sqlfiles

if TYPE_CHECKING:
    import duckdb

    from mtstore.query.request.request import SeriesRequest


def warm(connection: duckdb.DuckDBPyConnection, root: Path, call: SeriesRequest) -> int:
    """Ask the system to read the files of a call's range; gives their size in bytes. It does not wait for them."""
    start_us, end_us = call.bounds.covering_us()
    parameters = call.series_parameters() | {"first_us": start_us, "last_us": end_us}
    size = 0
    for path, byte_size in connection.execute(sqlfiles.load("request.files"), parameters).fetchall():
        size += byte_size
        with suppress(FileNotFoundError):  # retired since; who reads it is told so
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
