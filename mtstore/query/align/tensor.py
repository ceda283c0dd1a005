"""Tensors: rectangular arrays [time, ticker, field] on the session grid, in memory or mapped from `derived/`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtstore.arguments import check_count
from mtstore.query.align.assemble import assemble
from mtstore.query.align.chunks import iter_tables
from mtstore.query.align.sql_rows import request_tickers
from mtstore.query.cache import result_cache
from mtstore.query.request.request import AlignRequest
from mtstore.query.request.result import mapped_errors
from mtstore.query.table.memory_budget import result_limit
from mtstore.query.table.output_buffers import map_file
from mtstore.query.table.pandas_frames import time_index
from mtstore.query.table.wide_table import AssemblyOptions, WideTable, field_names

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.storage.repository import Repository

_CHUNK = timedelta(days=30)


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """An aligned array; unpacks as `values, mask, index, tickers = tensor`.

    Attributes
    ----------
    values
        Contiguous, shape [T, N, F]; missing is NaN. `torch.from_numpy(tensor.values)` shares its memory.
    mask
        bool, shape [T, N]: whether the ticker has bars in the bucket.
    index
        tz-aware DatetimeIndex of T left edges.
    tickers, fields
        The names along N and F.
    """

    values: np.ndarray
    mask: np.ndarray
    index: pd.DatetimeIndex
    tickers: tuple[str, ...]
    fields: tuple[str, ...] = field(default=())

    def __iter__(self) -> Iterator[Any]:
        return iter((self.values, self.mask, self.index, self.tickers))

    def __len__(self) -> int:
        return len(self.index)

    def windows(self, length: int, stride: int = 1) -> Iterator[Tensor]:
        """Return windows of `length` buckets, each `stride` after the last, as views: nothing is copied.

        A rest at the end that is too short for a window is left out.

        Raises
        ------
        InputError
            `length` or `stride` is not a whole number of at least 1.
        """
        check_count("windows: length", length)
        check_count("windows: stride", stride)
        starts = range(0, len(self) - length + 1, stride)
        return (self._part(slice(start, start + length)) for start in starts)

    def _part(self, part: slice) -> Tensor:
        return replace(self, values=self.values[part], mask=self.mask[part], index=self.index[part])

    def __repr__(self) -> str:
        return f"Tensor({' × '.join(map(str, self.values.shape))}, {self.values.dtype}, {', '.join(self.tickers)})"


def build_tensor(
    store: Repository,
    request: AlignRequest,
    fields: str | Sequence[str] | None,
    *,
    dtype: Any = "float64",
    mmap: bool = False,
    memory_limit: str | int | None = None,
) -> Tensor:
    """Return the tensor of an aligned request; see `mtstore.Store.tensor`."""
    names = field_names(fields)
    options = AssemblyOptions(
        dtype=dtype if isinstance(dtype, str) else str(np.dtype(dtype)),
        by_time=True,
        max_bytes=result_limit(memory_limit),
    )
    store.last_used.record(request.tickers or (), *request.bounds.covering_us())
    if mmap:
        return _map(store, request, names, options)
    with store.connection() as connection, mapped_errors():
        wide = assemble(connection, request, names, options)
    values, mask = _by_time(wide)
    return Tensor(values, mask, time_index(wide.ts_us, request.tz), wide.tickers, wide.fields)


def _by_time(wide: WideTable) -> tuple[np.ndarray, np.ndarray]:
    """Return values as [T, N, F] and presence as [T, N]; without a copy, since the table was assembled by time."""
    shape = (len(wide.ts_us), len(wide.tickers), len(wide.fields))
    return np.ascontiguousarray(wide.values.T).reshape(shape), np.ascontiguousarray(wide.present.T)


def _map(store: Repository, request: AlignRequest, fields: tuple[str, ...], options: AssemblyOptions) -> Tensor:
    """Map the cached tensor; build it chunk by chunk if there is none."""
    with store.snapshot(), store.connection() as connection, mapped_errors():
        tickers = request_tickers(connection, request).names
        inputs = {"tickers": tickers, "fields": fields, "dtype": options.dtype}
        key = result_cache.cache_key(connection, request, inputs)

        def build(folder: Path) -> None:
            _write(folder, iter_tables(connection, request, fields, options, _CHUNK))

        folder = result_cache.find_or_build(store, key, tickers, build)
    return _open(folder, request.tz)


def _write(folder: Path, tables: Iterator[WideTable]) -> None:
    shape: dict[str, Any] = {"length": 0, "tickers": (), "fields": (), "dtype": ""}
    with (
        (folder / "values.bin").open("xb") as values_file,
        (folder / "mask.bin").open("xb") as mask_file,
        (folder / "index.bin").open("xb") as index_file,
    ):
        for wide in tables:
            values, mask = _by_time(wide)
            shape["length"] += len(wide.ts_us)
            shape |= {"tickers": wide.tickers, "fields": wide.fields, "dtype": str(values.dtype)}
            values.tofile(values_file)
            mask.tofile(mask_file)
            wide.ts_us.tofile(index_file)
    (folder / "shape.json").write_text(json.dumps(shape))


def _open(folder: Path, tz: str) -> Tensor:
    shape = json.loads((folder / "shape.json").read_text())
    tickers, fields = tuple(shape["tickers"]), tuple(shape["fields"])
    size = (shape["length"], len(tickers), len(fields))
    values = map_file(folder / "values.bin", shape["dtype"], size, "r")
    mask = map_file(folder / "mask.bin", "bool", size[:2], "r")
    index = np.fromfile(folder / "index.bin", dtype=np.int64)
    return Tensor(values, mask, time_index(index, tz), tickers, fields)
