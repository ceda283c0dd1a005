"""Guess the width of bars from their times, and from the name of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mtstore.ingest.sniff.text_head import Rows
from mtstore.ranges import US_PER_DAY

_WIDTHS: Final = {
    "ohlcv-1d": US_PER_DAY, "ohlcv-4h": 14_400_000_000, "ohlcv-2h": 7_200_000_000, "ohlcv-1h": 3_600_000_000,
    "ohlcv-30m": 1_800_000_000, "ohlcv-15m": 900_000_000, "ohlcv-10m": 600_000_000, "ohlcv-5m": 300_000_000,
    "ohlcv-3m": 180_000_000, "ohlcv-2m": 120_000_000, "ohlcv-1m": 60_000_000, "ohlcv-30s": 30_000_000,
    "ohlcv-15s": 15_000_000, "ohlcv-10s": 10_000_000, "ohlcv-5s": 5_000_000, "ohlcv-1s": 1_000_000,
}  # fmt: skip
_HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class WidthGuess:
    """The schema (None if the times do not show it), what was seen, and the likely schemas."""

    schema: str | None
    note: str
    is_sure: bool = True
    likely: tuple[str, ...] = ("ohlcv-1m",)


def guess_width(rows: Rows, named: str | None = None) -> WidthGuess:
    """Guess from the times of rows (of one or more tickers, in any order) and from the width in the name."""
    times = np.unique(rows.wall_us)
    gaps = np.diff(times)
    if named is not None and len(gaps) < 2:
        return WidthGuess(named, "the name of the file")
    if rows.kind == "date" and named is None:
        usual = int(np.median(gaps)) // US_PER_DAY if len(gaps) else 1
        note = "times are dates" if usual < 5 else f"times are dates, {usual} days apart: these are not days"
        return WidthGuess("ohlcv-1d", note, is_sure=usual < 5)
    if not len(gaps):
        return WidthGuess(None, f"{len(times)} row does not show how wide bars are", is_sure=False)
    return _measured(times, gaps)


def _measured(times: np.ndarray, gaps: np.ndarray) -> WidthGuess:
    values, counts = np.unique(gaps, return_counts=True)
    usual = int(values[counts.argmax()])
    smallest = int(values[0])
    if smallest >= US_PER_DAY - _HOUR_US:
        is_days = usual <= 5 * US_PER_DAY
        return WidthGuess("ohlcv-1d", "rows are a day or more apart", is_sure=is_days and len(gaps) > 2)
    share = counts.max() / counts.sum()
    for schema, step in _WIDTHS.items():
        if step == usual and share >= 0.3 and counts.max() > 1:
            return WidthGuess(schema, f"{share:.0%} of the steps between rows are {schema[6:]}")
    # Few or irregular rows: the smallest step, else the widest grid that all times keep.
    exact = [schema for schema, step in _WIDTHS.items() if step == smallest]
    if exact:
        note = f"the smallest step between rows is {exact[0][6:]}"
        return WidthGuess(exact[0], note, is_sure=counts[0] > 1 or len(gaps) > 1)
    for schema, step in _WIDTHS.items():
        if not bool((times % step).any()) and step <= smallest and step <= 60_000_000:
            return WidthGuess(schema, f"all times are on whole {schema[6:]}", is_sure=False)
    return WidthGuess(None, "the steps between rows are not those of any width", is_sure=False, likely=("ohlcv-1s",))
