"""Columns of data files as arrays, decoded by pyarrow on the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from mtstore.errors import SnapshotExpiredError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mtstore.query.known import KnownFile

Columns: TypeAlias = "dict[str, np.ndarray]"
Read: TypeAlias = Callable[[tuple[str, ...]], Columns]
"""Gives the named columns of the same rows, again and again."""

COUNT = "bar_count"


def read_columns(file: KnownFile, scan: tuple[int, int], names: tuple[str, ...]) -> Columns:
    """Columns of the row groups of a file that meet `scan`, [start, end) in µs: each row is one bar.

    Time stamps are int64 µs, all else is float64 with NaN.

    Raises
    ------
    SnapshotExpiredError
        The file is gone: the reader outlived the grace period.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    stored = tuple(name for name in names if name != COUNT)
    try:
        # A map that is opened here spares pyarrow a look at what kind of file system the path is on.
        with pa.memory_map(str(file.path)) as content, pq.ParquetFile(content) as source:
            groups = _row_groups(source, file, scan)
            table = source.read_row_groups(groups, columns=list(stored), use_threads=False)
    except FileNotFoundError as error:
        raise SnapshotExpiredError(
            f"{file.path} is gone: this reader is older than the store's grace period; read the newest generation"
        ) from error
    arrays = as_arrays(table, stored)
    if COUNT in names:
        arrays[COUNT] = np.ones(table.num_rows)
    return arrays


def as_arrays(table: pa.Table, names: tuple[str, ...]) -> Columns:
    """Columns of a table: time stamps as int64, all else as float64 with NaN."""
    import numpy as np

    arrays = {}
    for name in names:
        column = table[name]
        if name == "ts_event":
            arrays[name] = column.cast("int64").to_numpy()
        else:
            arrays[name] = column.to_numpy().astype(np.float64, copy=False)
    return arrays


def take(columns: Columns, names: tuple[str, ...]) -> Columns:
    """Some of the columns that were read before."""
    return {name: columns[name] for name in names}


def _row_groups(source: pq.ParquetFile, file: KnownFile, scan: tuple[int, int]) -> list[int]:
    metadata = source.metadata
    everything = list(range(metadata.num_row_groups))
    if file.min_us >= scan[0] and file.max_us < scan[1]:
        return everything
    kept = []
    for number in everything:
        statistics = metadata.row_group(number).column(0).statistics
        if statistics is None or (statistics.max_raw >= scan[0] and statistics.min_raw < scan[1]):
            kept.append(number)
    return kept
