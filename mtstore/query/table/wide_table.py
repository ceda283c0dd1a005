"""The wide table: arrays of all tickers and fields on one grid, and the options of its assembly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from mtstore.arguments import check_choice
from mtstore.errors import InputError

if TYPE_CHECKING:
    from mtstore.query.snapshot.store_facts import StoredFile

FIELDS = ("open", "high", "low", "close", "volume", "vwap", "transactions", "bar_count")
DEFAULT_FIELDS = FIELDS[:5]
DTYPES = ("float64", "float32")

Columns: TypeAlias = "dict[str, np.ndarray]"


@dataclass(frozen=True, slots=True)
class WideTable:
    """An aligned table.

    Attributes
    ----------
    ts_us
        Left edges of the buckets, µs since the epoch, UTC; ascending.
    close_us
        Right edges; None unless requested.
    values
        Shape (tickers × fields, buckets): row `i * len(fields) + j` is field j of ticker i; missing is NaN.
    present
        bool, shape (tickers, buckets): whether the ticker has bars in the bucket.
    """

    tickers: tuple[str, ...]
    stored: tuple[bool, ...]
    fields: tuple[str, ...]
    ts_us: np.ndarray
    close_us: np.ndarray | None
    values: np.ndarray
    present: np.ndarray

    def only(self, keep: np.ndarray) -> WideTable:
        """Return the buckets where `keep` is true."""
        if bool(keep.all()):
            return self
        close_us = None if self.close_us is None else self.close_us[keep]
        # Either memory order is preserved: buckets contiguous, or a bucket's values.
        values = self.values[:, keep] if self.values.flags.c_contiguous else self.values.T[keep].T
        present = self.present[:, keep] if self.present.flags.c_contiguous else self.present.T[keep].T
        return replace(self, ts_us=self.ts_us[keep], close_us=close_us, values=values, present=present)


@dataclass(frozen=True, slots=True)
class MaskedBars:
    """Buckets that count as missing, such as outliers that are dropped before aligning.

    Attributes
    ----------
    ts_us
        Their labels, by ticker.
    """

    ts_us: dict[str, np.ndarray]


class TickerObserver(Protocol):
    """Sees each ticker's row while a table is assembled; `InlineChecks` is one."""

    gap_counts: dict[str, int]
    outlier_counts: dict[str, int]
    warned_counts: dict[str, int]

    def begin(self, ts_us: np.ndarray) -> None:
        """Receive the labels of the table's buckets."""

    def observe(self, ticker: str, present: np.ndarray, closes: np.ndarray) -> None:
        """Receive a stored ticker's row, before it is filled."""


class RollupSource(Protocol):
    """Precomputed bars of data files; `Rollups` is one."""

    def read_of(self, file: StoredFile, scan: tuple[int, int]) -> Callable[[tuple[str, ...]], Columns] | None:
        """Return a function that reads named columns of a file's rollup; None if there is none."""

    def enforce_limit(self) -> None:
        """Delete results beyond the size limit; called once all files are read."""


@dataclass(frozen=True, slots=True)
class AssemblyOptions:
    """How a wide table is assembled.

    Attributes
    ----------
    with_close
        Whether right edges are read.
    dtype
        `float64` or `float32`.
    by_time
        Whether a bucket's values are contiguous in memory, not a column's.
    max_bytes
        The most memory for rows and result; None: no limit.
    observer
        For a request that `plan_fast_path` has a plan for.
    fill_value
        Replaces missing values; None: NaN.
    values_path
        A new file that may take the values, which are then mapped from it, private and writable.
    rollups
        The store's, from which wide buckets are computed; None reads bars.
    """

    with_close: bool = False
    dtype: str = "float64"
    by_time: bool = False
    max_bytes: int | None = None
    masked: MaskedBars | None = None
    observer: TickerObserver | None = None
    fill_value: float | None = None
    values_path: Path | None = None
    rollups: RollupSource | None = None

    def __post_init__(self) -> None:
        check_choice("dtype", self.dtype, DTYPES)


def put_fill_value(values: np.ndarray, fill_value: float | None) -> None:
    """Replace missing values in place; None leaves NaN."""
    if fill_value is not None:
        values[np.isnan(values)] = fill_value


def field_names(fields: str | Iterable[str] | None, default: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the requested fields as a tuple: one may be a plain name, and none means `default`.

    Raises
    ------
    InputError
        A field that bars do not have, or one that is listed twice.
    """
    if fields is not None and not isinstance(fields, str | Iterable):
        raise InputError(f"fields {fields!r}: one of {', '.join(FIELDS)}, or a list of them")
    names = (fields,) if isinstance(fields, str) else () if fields is None else tuple(fields)
    chosen = names or tuple(DEFAULT_FIELDS if default is None else default)
    check_fields(chosen)
    return chosen


def check_fields(fields: Sequence[str]) -> None:
    for name in fields:
        check_choice("field", name, FIELDS)
        if list(fields).count(name) > 1:
            raise InputError(f"fields: {name} is listed twice")
