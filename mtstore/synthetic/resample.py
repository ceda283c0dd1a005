"""Compute wide synthetic bars from narrow ones: hours of UTC, or days of a zone."""

from __future__ import annotations

import numpy as np

from mtstore.bars import is_daily, step_us
from mtstore.errors import UnsupportedSchemaError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND
from mtstore.sources.bar_grid import midnights_us
from mtstore.synthetic.model import BAR_DTYPE, Bars


def base_step_seconds(schema: str) -> int:
    """Return the width of the drawn bars from which those of a schema are computed: 1 or 60."""
    width_us = step_us(schema)
    if width_us > US_PER_DAY:
        raise UnsupportedSchemaError(f"schema: was {schema!r}; synthetic bars are at most a day wide")
    return 60 if width_us % (60 * US_PER_SECOND) == 0 else 1


def widen(bars: Bars, schema: str, day_tz: str) -> Bars:
    """Return bars of a schema: first open, highest high, lowest low, last close, sums, weighted vwap."""
    if not len(bars):
        return bars
    width = step_us(schema) // US_PER_SECOND
    if is_daily(schema):
        opens = midnights_us(bars.seconds * US_PER_SECOND, day_tz) // US_PER_SECOND
    else:
        opens = bars.seconds // width * width
    starts = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
    lasts = np.append(starts[1:], len(opens)) - 1
    volume = np.add.reduceat(bars.volume, starts)
    columns = [
        opens[starts],
        bars.open_cents[starts],
        np.maximum.reduceat(bars.high_cents, starts),
        np.minimum.reduceat(bars.low_cents, starts),
        bars.close_cents[lasts],
        volume,
        np.add.reduceat(bars.vwap * bars.volume, starts) / volume,
        np.add.reduceat(bars.transactions, starts),
    ]
    return np.rec.fromarrays(columns, dtype=BAR_DTYPE)
