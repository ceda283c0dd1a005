"""Where the values of a wide table are laid down: in memory, or ticker by ticker in a file that is mapped afterwards.

Fresh memory costs a page fault for every few thousand bytes; a file that is written from one small buffer does not, so
that a table on disk is made faster than one in memory, and is there for the next who asks.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np

_LARGE_BYTES = 1 << 29
_log = logging.getLogger(__name__)


class OutputBuffer(Protocol):
    """Room for values of shape (tickers × fields, buckets), filled by ticker, on any thread."""

    def rows(self, number: int) -> np.ndarray:
        """The rows to fill of a ticker; they may hold anything."""

    def done(self, number: int, rows: np.ndarray) -> None:
        """Take a ticker's rows, once they are filled."""

    def finish(self) -> np.ndarray:
        """All values, once every ticker is done; private, and may be written."""

    def close(self) -> None:
        """Let go of what is open."""


class MemoryBuffer:
    """Values in one array; with `by_time` a bucket's values lie next to each other, not a column's."""

    def __init__(self, tickers: int, fields: int, length: int, dtype: str, *, by_time: bool = False) -> None:
        self._fields = fields
        self._values = _fresh((tickers * fields, length), dtype, order="F" if by_time else "C")

    def rows(self, number: int) -> np.ndarray:
        """A view of the array."""
        return self._values[number * self._fields : (number + 1) * self._fields]

    def done(self, number: int, rows: np.ndarray) -> None:
        """They are there already."""

    def finish(self) -> np.ndarray:
        """The array."""
        return self._values

    def close(self) -> None:
        """There is nothing to let go of."""


def _fresh(shape: tuple[int, int], dtype: str, order: Literal["C", "F"]) -> np.ndarray:
    """An array that may hold anything.

    numpy asks the system for huge pages. Few of them lie ready: of what is larger, each has to be put together first,
    which in a virtual machine took two to three times as long as ordinary pages.
    """
    import numpy as np

    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if size <= _LARGE_BYTES:
        return np.empty(shape, dtype=dtype, order=order)
    return np.frombuffer(mmap.mmap(-1, size), dtype=dtype).reshape(shape, order=order)


class MappedFile:
    """Values in a new file; each thread fills a buffer of its own, and writes it where it belongs.

    Raises
    ------
    OSError
        The disk has no room for it; no file is left.
    """

    def __init__(self, path: Path, tickers: int, fields: int, length: int, dtype: str) -> None:
        import numpy as np

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
        """The thread's buffer."""
        import numpy as np

        del number
        found: np.ndarray | None = getattr(self._buffers, "rows", None)
        if found is None:
            found = self._buffers.rows = np.empty((self._fields, self._shape[1]), dtype=self._dtype)
        return found

    def done(self, number: int, rows: np.ndarray) -> None:
        """Write them.

        Raises
        ------
        OSError
            The disk is full, or fails.
        """
        place = number * rows.nbytes
        left = rows.reshape(-1).view("u1").data
        while left:
            written = os.pwrite(self._file.fileno(), left, place)
            place, left = place + written, left[written:]

    def finish(self) -> np.ndarray:
        """The file, mapped copy-on-write."""
        self.close()
        return map_private(self._path, self._dtype, self._shape)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def map_private(path: Path, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """A file as an array that is the caller's own: what is written into it stays in this process.

    An empty file cannot be mapped; it is an empty array.
    """
    import numpy as np

    if 0 in shape:
        return np.empty(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="c", shape=shape).view(np.ndarray)


def allocate(
    path: Path | None, tickers: int, fields: int, length: int, dtype: str, *, by_time: bool = False
) -> OutputBuffer:
    """Room for a table: in the new file at `path` if the disk has room for it, else in memory."""
    if path is not None and not by_time:
        try:
            return MappedFile(path, tickers, fields, length, dtype)
        except OSError as error:
            _log.warning("%s: no room for a result: %s", path, error)
    return MemoryBuffer(tickers, fields, length, dtype, by_time=by_time)
