"""Regrouping: rows arrive by time or by file, all tickers mixed, and leave by ticker, whatever their number.

An external sort that needs no merge: each batch is grouped by ticker with a stable sort of small integers and, beyond
some memory, appended to a file, one piece for each ticker; a ticker's rows are its pieces, in order of arrival. Vendors
deliver in time order, so what comes out is sorted already, or nearly so. Memory stays the same, whatever the size.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


MEMORY_BYTES = 512 << 20
_BUFFER_BYTES = 4 << 20

Piece: TypeAlias = "pa.RecordBatch | tuple[int, int]"
"""Rows of one ticker: themselves, or their place and length in the file."""


class TickerGrouper:
    """Rows by ticker. `add` tables with a column `ticker`, then take `bars` ticker by ticker.

    The first `memory_bytes` of rows stay in memory, the others go into a file in `folder`.
    """

    def __init__(self, folder: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._path = folder / "regrouped.arrow"
        self._room = memory_bytes
        self._pieces: dict[str, list[Piece]] = {}
        self._file: BinaryIO | None = None
        self._length = 0
        self._schema: pa.Schema | None = None

    def add(self, table: pa.Table) -> None:
        """Take a batch of rows; their order within a ticker is kept."""
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
        if batch.schema != self._schema:  # pieces in the file bear no schema: they would be read as something else
            raise TypeError(f"rows to regroup have columns {batch.schema}, those before them {self._schema}")
        stays = batch.nbytes <= self._room
        if stays:
            self._room -= batch.nbytes
        start = 0
        for code in order:
            piece = batch.slice(start, int(counts[code]))
            self._pieces.setdefault(names[code], []).append(piece if stays else self._put_aside(piece))
            start += int(counts[code])

    def tickers(self) -> list[str]:
        """The tickers that have rows, in order of name."""
        return sorted(self._pieces)

    def __contains__(self, ticker: object) -> bool:
        return ticker in self._pieces

    def bars(self, ticker: str, without: Collection[int] = ()) -> pa.Table:
        """A ticker's rows in order of arrival, less those whose `file_index` is in `without`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._file is not None:
            self._file.flush()
        table = pa.Table.from_batches([self._fetch(piece) for piece in self._pieces[ticker]])
        if without:
            table = table.filter(pc.invert(pc.is_in(table["file_index"], pa.array(sorted(without), pa.int32()))))
        return table

    def close(self) -> None:
        """Let go of all rows, and delete the file."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def _put_aside(self, piece: pa.RecordBatch) -> tuple[int, int]:
        if self._file is None:
            self._file = self._path.open("x+b", buffering=_BUFFER_BYTES)
        written = self._file.write(piece.serialize())
        place = (self._length, written)
        self._length += written
        return place

    def _fetch(self, piece: Piece) -> pa.RecordBatch:
        """The rows of a piece. What is mapped would count as memory with all that lies around it; so it is read."""
        import pyarrow as pa

        if not isinstance(piece, tuple):
            return piece
        assert self._file is not None  # noqa: S101 - the piece lies in it
        place, length = piece
        return pa.ipc.read_record_batch(pa.py_buffer(os.pread(self._file.fileno(), length, place)), self._schema)


def _is_grouped(codes: np.ndarray, distinct: int) -> bool:
    import numpy as np

    return int(np.count_nonzero(codes[1:] != codes[:-1])) + 1 == distinct


def in_batches(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Small tables gathered into lots of about `rows` rows."""
    import pyarrow as pa

    lot: list[pa.Table] = []
    count = 0
    for table in tables:
        lot.append(table)
        count += table.num_rows
        if count >= rows:
            yield pa.concat_tables(lot)
            lot, count = [], 0
    if lot:
        yield pa.concat_tables(lot)
