"""Regrouping: rows arrive by time or by file, all tickers mixed, and leave by ticker, whatever their number.

An external sort that needs no merge: each batch is grouped by ticker with a stable sort of small integers and, beyond
some memory, spilled as an Arrow IPC file; a ticker's rows are its slices of those, in order of arrival. Vendors deliver
in time order, so what comes out is sorted already, or nearly so. Memory stays the same, whatever the input's size.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


MEMORY_BYTES = 512 << 20
_RELEASE_BYTES = 64 << 20


class Regrouper:
    """Rows by ticker. `add` tables with a column `ticker`, then take `bars` ticker by ticker.

    The first `memory_bytes` of rows stay in memory, the others are spilled to `folder`.
    """

    def __init__(self, folder: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._folder = folder
        self._room = memory_bytes
        self._runs: list[pa.Table] = []
        self._slices: dict[str, list[tuple[int, int, int]]] = {}
        self._files: list[Path] = []
        self._maps: list[mmap.mmap] = []
        self._given_bytes = 0

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
        run = len(self._runs)
        start = 0
        for code in order:
            self._slices.setdefault(names[code], []).append((run, start, int(counts[code])))
            start += int(counts[code])
        self._keep(rows.combine_chunks())

    def tickers(self) -> list[str]:
        """The tickers that have rows, in order of name."""
        return sorted(self._slices)

    def __contains__(self, ticker: object) -> bool:
        return ticker in self._slices

    def bars(self, ticker: str, without: Collection[int] = ()) -> pa.Table:
        """A ticker's rows in order of arrival, less those whose `file_index` is in `without`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = [self._runs[run].slice(start, length) for run, start, length in self._slices[ticker]]
        table = pa.concat_tables(parts)
        self._given_bytes += table.nbytes
        if self._given_bytes > _RELEASE_BYTES:
            self._release()
        if without:
            table = table.filter(pc.invert(pc.is_in(table["file_index"], pa.array(sorted(without), pa.int32()))))
        return table

    def close(self) -> None:
        """Let go of the spilled runs and delete them."""
        self._runs.clear()
        self._maps.clear()
        for path in self._files:
            path.unlink(missing_ok=True)

    def _keep(self, rows: pa.Table) -> None:
        """Keep a run: in memory while there is room, else on disk, mapped."""
        if rows.nbytes <= self._room:
            self._room -= rows.nbytes
        else:
            path = self._folder / f"run-{len(self._runs):05d}.arrow"
            self._files.append(path)
            rows, mapped = _mapped(rows, path)
            self._maps.append(mapped)
        self._runs.append(rows)

    def _release(self) -> None:
        """Let the pages that were looked at go: what is mapped counts as this process's memory until then."""
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)
        self._given_bytes = 0


def _is_grouped(codes: np.ndarray, distinct: int) -> bool:
    import numpy as np

    return int(np.count_nonzero(codes[1:] != codes[:-1])) + 1 == distinct


def _mapped(table: pa.Table, path: Path) -> tuple[pa.Table, mmap.mmap]:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped))).read_all(), mapped


def in_lots(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
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
