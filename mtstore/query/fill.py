"""Forward fill over a wide array, as the macro aligned_ffill defines it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtstore.bars import PRICE_COLUMNS

if TYPE_CHECKING:
    import numpy as np

_COUNTS = ("volume", "transactions")


def fill_forward(
    values: np.ndarray, present: np.ndarray, fields: Sequence[str], *, fill_volume: str, fill_prices: str
) -> None:
    """Fill in place: prices carry their own last value (or, where a bar is missing, the last close), never backward.

    Volume and transactions of filled rows are 0 (`fill_volume` 'zero'), their last value ('ffill') or missing ('null');
    vwap stays missing, bar_count is 0. Nothing is filled before a ticker's first bar.
    """
    import numpy as np

    length = present.shape[1]
    if not length:
        return
    steps = np.arange(length)
    for ticker, here in enumerate(present):
        rows = {name: values[ticker * len(fields) + number] for number, name in enumerate(fields)}
        last = np.maximum.accumulate(np.where(here, steps, -1))
        absent = ~here
        for name, row in rows.items():
            if name in PRICE_COLUMNS:
                _carry(row, here, last, steps)
            elif name in _COUNTS:
                _fill_count(row, here, last, steps, how=fill_volume)
        if fill_prices == "close" and "close" in rows:
            for name in ("open", "high", "low"):
                if name in rows:
                    rows[name][absent] = rows["close"][absent]
        if "bar_count" in rows:
            rows["bar_count"][absent] = 0


def _carry(row: np.ndarray, here: np.ndarray, last: np.ndarray, steps: np.ndarray) -> None:
    """Each place gets the newest value at or before it; a bar without a value carries the one before."""
    import numpy as np

    known = ~np.isnan(row)
    if np.any(known != here):
        last = np.maximum.accumulate(np.where(known, steps, -1))
    filled = row[np.maximum(last, 0)]
    filled[last < 0] = np.nan
    row[:] = filled


def _fill_count(row: np.ndarray, here: np.ndarray, last: np.ndarray, steps: np.ndarray, *, how: str) -> None:
    missing = ~here & (last >= 0)
    if how == "zero":
        row[missing] = 0.0
    elif how == "ffill":
        carried = row.copy()
        _carry(carried, here, last, steps)
        row[missing] = carried[missing]
