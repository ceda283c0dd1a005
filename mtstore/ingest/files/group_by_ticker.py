"""Group rows by ticker, whatever their number, in bounded memory.

This is an external sort without a merge. Each batch is grouped by ticker with a stable sort of small integers. Beyond
some memory, each group is appended to a file as a segment. The rows of a ticker are its segments in order of arrival.
Vendors deliver in time order, so the result is sorted already, or nearly so.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


MEMORY_BYTES = 512 << 20
_BUFFER_BYTES = 4 << 20

Segment: TypeAlias = "pa.RecordBatch | tuple[int, int]"
"""Rows of one ticker: the rows, or their offset and length in the file."""


class TickerGrouper:
    """Rows by ticker: `add` tables with a column `ticker`, then take `bars` ticker by ticker.

    The first `memory_bytes` of rows stay in memory, the others go into a file in `folder`.
    """

    def __init__(self, folder: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._path = folder / "grouped.arrow"
        self._memory_left = memory_bytes
        self._segments: dict[str, list[Segment]] = {}
        self._file: BinaryIO | None = None
        self._length = 0
        self._schema: pa.Schema | None = None

    def add(self, table: pa.Table) -> None:
        """Add rows; their order within a ticker is preserved."""
        import numpy as np
        import pyarrow as pa

        if table.num_rows == 0:
            return
        encoded = table["ticker"].combine_chunks().dictionary_encode()
        names = encoded.dictionary.to_pylist()
        codes = encoded.indices.to_numpy()
        counts = np.bincount(codes, minlength=len(names))
        rows = table.drop_columns(["ticker"])
        if not _is_grouped(codes, len(names)):
            # Stable sorts of 16-bit integers are radix sorts: linear, and cheap beside the `take`.
            small = codes.astype(np.uint16) if len(names) < 1 << 16 else codes
            rows = rows.take(pa.array(np.argsort(small, kind="stable")))
            order = np.arange(len(names))
        else:
            order = codes[np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])]
        (batch,) = rows.combine_chunks().to_batches()
        self._schema = self._schema or batch.schema
        if batch.schema != self._schema:  # segments in the file carry no schema: they would be misread
            raise TypeError(f"rows to group have columns {batch.schema}, those before them {self._schema}")
        fits = batch.nbytes <= self._memory_left
        if fits:
            self._memory_left -= batch.nbytes
        start = 0
        for code in order:
            rows_of_ticker = batch.slice(start, int(counts[code]))
            segment = rows_of_ticker if fits else self._write(rows_of_ticker)
            self._segments.setdefault(names[code], []).append(segment)
            start += int(counts[code])

    def tickers(self) -> list[str]:
        """Return the tickers that have rows, sorted."""
        return sorted(self._segments)

    def __contains__(self, ticker: object) -> bool:
        return ticker in self._segments

    def bars(self, ticker: str, without: Collection[int] = ()) -> pa.Table:
        """Return a ticker's rows in order of arrival, without those whose `file_index` is in `without`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._file is not None:
            self._file.flush()
        table = pa.Table.from_batches([self._read(segment) for segment in self._segments[ticker]])
        if without:
            table = table.filter(pc.invert(pc.is_in(table["file_index"], pa.array(sorted(without), pa.int32()))))
        return table

    def close(self) -> None:
        """Release all rows, and delete the file."""
        self._segments.clear()
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def _write(self, rows: pa.RecordBatch) -> tuple[int, int]:
        if self._file is None:
            self._file = self._path.open("x+b", buffering=_BUFFER_BYTES)
        offset = self._length
        self._length += (length := self._file.write(rows.serialize()))
        return offset, length

    def _read(self, segment: Segment) -> pa.RecordBatch:
        import pyarrow as pa

        if not isinstance(segment, tuple):
            return segment
        assert self._file is not None  # noqa: S101 - the segment was written to it
        offset, length = segment
        # Read, not mapped: mapped pages would count as memory of this process, with all their neighbours.
        return pa.ipc.read_record_batch(pa.py_buffer(os.pread(self._file.fileno(), length, offset)), self._schema)


def _is_grouped(codes: np.ndarray, distinct: int) -> bool:
    import numpy as np

    return int(np.count_nonzero(codes[1:] != codes[:-1])) + 1 == distinct
