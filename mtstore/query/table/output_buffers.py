"""Buffers for the values of a wide table: in memory, or a file that is written ticker by ticker and then mapped.

Fresh memory costs a page fault every few thousand bytes. A file written from one small buffer does not, so a table on
disk is built faster than one in memory, and can be cached without another write.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

_LARGE_BYTES = 1 << 29
_log = logging.getLogger(__name__)


class OutputBuffer(Protocol):
    """A buffer for values of shape (tickers × fields, buckets), filled by ticker, on any thread."""

    def rows(self, number: int) -> np.ndarray:
        """Return a ticker's rows to fill; they may hold anything."""

    def done(self, number: int, rows: np.ndarray) -> None:
        """Store a ticker's rows, once they are filled."""

    def finish(self) -> np.ndarray:
        """Return all values, once every ticker is done; private, and writable."""

    def close(self) -> None:
        """Release what is open."""


class MemoryBuffer:
    """Values in one array; with `by_time` a bucket's values are contiguous, else a column's."""

    def __init__(self, tickers: int, fields: int, length: int, dtype: str, *, by_time: bool = False) -> None:
        self._fields = fields
        self._values = _empty_array((tickers * fields, length), dtype, order="F" if by_time else "C")

    def rows(self, number: int) -> np.ndarray:
        return self._values[number * self._fields : (number + 1) * self._fields]

    def done(self, number: int, rows: np.ndarray) -> None:
        pass  # `rows` is a view of the array

    def finish(self) -> np.ndarray:
        return self._values

    def close(self) -> None:
        pass


def _empty_array(shape: tuple[int, int], dtype: str, order: Literal["C", "F"]) -> np.ndarray:
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if size <= _LARGE_BYTES:
        return np.empty(shape, dtype=dtype, order=order)
    # numpy asks for huge pages. Beyond the few that are ready, the system has to assemble each one first, which in a
    # virtual machine took two to three times as long as ordinary pages.
    return np.frombuffer(mmap.mmap(-1, size), dtype=dtype).reshape(shape, order=order)


class MappedFile:
    """Values in a new file; each thread fills a buffer of its own and writes it to its place.

    Raises
    ------
    OSError
        The disk is too full; no file is left.
    """

    def __init__(self, path: Path, tickers: int, fields: int, length: int, dtype: str) -> None:
        self._path = path
        self._shape = (tickers * fields, length)
        self._fields, self._dtype = fields, dtype
        self._buffers = threading.local()
        self._file = path.open("xb", buffering=0)
        size = tickers * fields * length * np.dtype(dtype).itemsize
        try:
            if size and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file.fileno(), 0, size)
        except BaseException:
            self._file.close()
            path.unlink()
            raise

    def rows(self, number: int) -> np.ndarray:
        del number
        found: np.ndarray | None = getattr(self._buffers, "rows", None)
        if found is None:
            found = self._buffers.rows = np.empty((self._fields, self._shape[1]), dtype=self._dtype)
        return found

    def done(self, number: int, rows: np.ndarray) -> None:
        place = number * rows.nbytes
        left = rows.reshape(-1).view("u1").data
        while left:  # a write may be partial
            written = os.pwrite(self._file.fileno(), left, place)
            place, left = place + written, left[written:]

    def finish(self) -> np.ndarray:
        self.close()
        return map_file(self._path, self._dtype, self._shape, "c").view(np.ndarray)

    def close(self) -> None:
        self._file.close()


def map_file(path: Path, dtype: str, shape: tuple[int, ...], mode: Literal["r", "c"]) -> np.ndarray:
    """Map a file as an array, read-only ("r") or copy-on-write ("c"): writes then stay in this process."""
    if 0 in shape:  # an empty file cannot be mapped
        return np.empty(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode=mode, shape=shape)


def allocate(path: Path | None, tickers: int, fields: int, length: int, dtype: str, *, by_time: bool) -> OutputBuffer:
    """Return a buffer in the new file at `path` if the disk has space for it, else in memory."""
    if path is not None and not by_time:
        try:
            return MappedFile(path, tickers, fields, length, dtype)
        except OSError as error:
            _log.warning("%s: no space for a result: %s", path, error)
    return MemoryBuffer(tickers, fields, length, dtype, by_time=by_time)
