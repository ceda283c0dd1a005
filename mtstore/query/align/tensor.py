"""Tensors: rectangular arrays [time, ticker, field] on the session grid, in memory or mapped from `derived/`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.arguments import check_count, size_bytes
from mtstore.query.align.assemble import assemble
from mtstore.query.align.chunks import iter_tables
from mtstore.query.align.sql_rows import call_tickers
from mtstore.query.cache import result_cache
from mtstore.query.request.request import AlignRequest
from mtstore.query.request.result import mapped_errors
from mtstore.query.table.memory_budget import default_memory_limit
from mtstore.query.table.pandas_frames import time_index
from mtstore.query.table.wide_table import AssemblyOptions, WideTable, field_names

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mtstore.storage.repository import Repository

_PIECE = timedelta(days=30)


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
        What stands along N and F.
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
        """Windows of `length` buckets, each `stride` after the last, as views: nothing is copied.

        What is left at the end and too short for a window is not given.

        Raises
        ------
        InputError
            A length or stride that is no whole number of at least 1.
        """
        check_count("windows: length", length)
        check_count("windows: stride", stride)
        starts = range(0, len(self) - length + 1, stride)
        return (self._part(start, start + length) for start in starts)

    def _part(self, start: int, end: int) -> Tensor:
        part = slice(start, end)
        return replace(self, values=self.values[part], mask=self.mask[part], index=self.index[part])

    def __repr__(self) -> str:
        return f"Tensor({' × '.join(map(str, self.values.shape))}, {self.values.dtype}, {', '.join(self.tickers)})"


def build_tensor(
    store: Repository,
    call: AlignRequest,
    fields: str | Sequence[str] | None,
    *,
    dtype: Any = "float64",
    mmap: bool = False,
    memory_limit: str | int | None = None,
) -> Tensor:
    """The tensor of an aligned call; see `mtstore.Store.tensor`."""
    import numpy as np

    names = field_names(fields)
    making = AssemblyOptions(
        dtype=dtype if isinstance(dtype, str) else str(np.dtype(dtype)),
        by_time=True,
        max_bytes=default_memory_limit() if memory_limit is None else size_bytes(memory_limit),
    )
    store.last_used.record(call.tickers or (), *call.bounds.covering_us())
    if mmap:
        return _map(store, call, names, making)
    with store.connection() as connection, mapped_errors():
        wide = assemble(connection, call, names, making)
    values, mask = _by_time(wide)
    return Tensor(values, mask, time_index(wide.ts_us, call.tz), wide.tickers, wide.fields)


def _by_time(wide: WideTable) -> tuple[np.ndarray, np.ndarray]:
    """Values as [T, N, F] and presence as [T, N], contiguous."""
    import numpy as np

    shape = (len(wide.ts_us), len(wide.tickers), len(wide.fields))
    return np.ascontiguousarray(wide.values.T).reshape(shape), np.ascontiguousarray(wide.present.T)


def _map(store: Repository, call: AlignRequest, fields: tuple[str, ...], making: AssemblyOptions) -> Tensor:
    """The tensor as a mapped file, made piece by piece if nobody has made it yet."""
    with store.snapshot(), store.connection() as connection, mapped_errors():
        tickers = call_tickers(connection, call).names
        key = result_cache.cache_key(connection, call, {"tickers": tickers, "fields": fields, "dtype": making.dtype})

        def make(folder: Path) -> None:
            _write(folder, iter_tables(connection, call, fields, making, _PIECE))

        folder = result_cache.find_or_build(store, key, tickers, make)
    return _open(folder, call.tz)


def _write(folder: Path, pieces: Iterator[WideTable]) -> None:
    length = 0
    tickers: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    dtype = ""
    with (
        (folder / "values.bin").open("xb") as values_file,
        (folder / "mask.bin").open("xb") as mask_file,
        (folder / "index.bin").open("xb") as index_file,
    ):
        for wide in pieces:
            values, mask = _by_time(wide)
            length += len(wide.ts_us)
            tickers, fields, dtype = wide.tickers, wide.fields, str(values.dtype)
            values.tofile(values_file)
            mask.tofile(mask_file)
            wide.ts_us.tofile(index_file)
    shape = {"length": length, "tickers": tickers, "fields": fields, "dtype": dtype}
    (folder / "shape.json").write_text(json.dumps(shape))


def _open(folder: Path, tz: str) -> Tensor:
    import numpy as np

    shape = json.loads((folder / "shape.json").read_text())
    length, tickers, fields = shape["length"], tuple(shape["tickers"]), tuple(shape["fields"])
    size = (length, len(tickers), len(fields))
    values = _mapped(folder / "values.bin", shape["dtype"], size)
    mask = _mapped(folder / "mask.bin", "bool", size[:2])
    index = np.fromfile(folder / "index.bin", dtype=np.int64)
    return Tensor(values, mask, time_index(index, tz), tickers, fields)


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """A file as a read-only array; an empty file cannot be mapped."""
    import numpy as np

    if 0 in shape:
        return np.zeros(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=shape)
