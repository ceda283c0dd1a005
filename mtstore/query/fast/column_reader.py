"""Read columns of data files as arrays, decoded by pyarrow on the calling thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtstore.query.table.wide_table import Columns
from mtstore.storage.reading.read_errors import why_unreadable

if TYPE_CHECKING:
    from mtstore.query.snapshot.store_facts import StoredFile

Read: TypeAlias = Callable[[tuple[str, ...]], Columns]
"""Returns the named columns of the same rows at each call."""

COUNT = "bar_count"


class FileRows:
    """The rows of the row groups of a file that meet `scan`, [start, end) in µs; each is one bar."""

    def __init__(self, file: StoredFile, scan: tuple[int, int]) -> None:
        self._file = file
        self._scan = scan
        self._metadata: pq.FileMetaData | None = None

    def read(self, names: tuple[str, ...]) -> Columns:
        """Return columns: time stamps as int64 µs, all else as float64 with NaN.

        Raises
        ------
        SnapshotExpiredError
            The file is gone: the reader outlived the grace period.
        StoreError
            The file was lost or damaged.
        """
        path = self._file.path
        stored = [name for name in names if name != COUNT]
        try:
            # Opening the map here spares pyarrow a look at what kind of file system the path is on.
            with pa.memory_map(str(path)) as content, pq.ParquetFile(content, metadata=self._metadata) as source:
                self._metadata = source.metadata  # parsed once for several reads
                groups = _row_groups(source.metadata, self._file, self._scan)
                table = source.read_row_groups(groups, columns=stored, use_threads=False)
        except pa.ArrowMemoryError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise why_unreadable(path, error) from error
        arrays = as_arrays(table, stored)
        if COUNT in names:
            arrays[COUNT] = np.ones(table.num_rows)
        return arrays


def as_arrays(table: pa.Table, names: Sequence[str]) -> Columns:
    arrays = {name: table[name].to_numpy().astype(np.float64, copy=False) for name in names if name != "ts_event"}
    if "ts_event" in names:
        arrays["ts_event"] = table["ts_event"].cast("int64").to_numpy()
    return arrays


def _row_groups(metadata: pq.FileMetaData, file: StoredFile, scan: tuple[int, int]) -> list[int]:
    groups = range(metadata.num_row_groups)
    if file.min_us >= scan[0] and file.max_us < scan[1]:
        return list(groups)
    statistics = [metadata.row_group(number).column(0).statistics for number in groups]
    return [
        number
        for number, one in enumerate(statistics)
        if one is None or (one.max_raw >= scan[0] and one.min_raw < scan[1])
    ]
