"""The rules that a row must keep to be stored as a bar, the same for every way in.

Files, frames, `CacheManager.cache_data`, `DataAligner` and vendors' responses all call `check_bars`. It returns valid
bars and rejects each other row with a reason. It changes no value and drops no row silently.

    time          inside the range that the input covers, on a whole bar, once per ticker
    prices        present, finite, above zero (futures and indices may be at or below it),
                  high >= open and close, low <= open and close
    volume        present, finite, zero or more
    vwap          finite, not negative (where prices may be negative, it may, too)
    transactions  a whole number, zero or more

Missing vwap and transactions (NULL or NaN) are stored as NULL. A vwap of 0 is stored as it came: vendors write it for
bars without a trade, and without volume it has no weight in any average. A vwap outside of low..high is also stored as
it came: odd lots and late trades count for the vwap of some vendors, but not for their high and low.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtstore.bars import PRICE_COLUMNS, VALUE_COLUMNS, is_daily, step_us
from mtstore.ranges import TimeRange
from mtstore.sources.bar_grid import OWN_GRID_US, midnights_us, off_own_grid
from mtstore.sources.checked_bars import (
    NO_TIME,
    NOT_POSITIVE,
    OFF_GRID,
    OTHER_TICKER,
    OUTSIDE_RANGE,
    CheckedBars,
    are_whole,
    bars_table,
    rejected_table,
    slots_of,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]
    Columns = Mapping[str, npt.NDArray[Any]]

# Times that survive the conversion to nanoseconds, which some readers of parquet files make.
_EARLIEST_US, _LATEST_US = -9_000_000_000_000_000, 9_000_000_000_000_000


def check_bars(
    columns: Columns,
    *,
    schema: str,
    day_tz: str,
    ranges: Sequence[TimeRange] | None,
    allows_negative_prices: bool = False,
    calendar: object = None,
    allows_missing_volume: bool = False,
    allows_own_grid: bool = False,
    other_tickers: Sequence[str | None] | None = None,
) -> CheckedBars:
    """Separate the rows of one ticker into bars and rejected rows.

    Parameters
    ----------
    columns
        `ts_us` (int64) and those of the value columns that the input has (numbers, NaN where one is missing), in order
        of arrival: of rows with the same time the last is stored, and different earlier ones are rejected. Optional:
        `publisher_id` (rows of several venues are aggregated), `ts_remainder` (a time's fraction of a microsecond),
        `file_index`. A column that the input does not have is stored as NULL and not checked.
    schema, day_tz
        The bars' width, and the zone whose days daily bars are.
    ranges
        What the input covers, sorted; None: no limit.
    allows_negative_prices
        Whether prices may be zero or negative (futures, indices).
    calendar
        The ticker's calendar in words, which the reason of a price that is zero or negative names.
    allows_own_grid
        Whether bars of an hour and wider may open at an offset from the UTC grid, which is that of most rows.
    allows_missing_volume
        Whether a row may have no volume beside rows that have one.
    other_tickers
        For each row the ticker it is for, if that is not the requested one.
    """
    import numpy as np

    ts: Ints = columns["ts_us"]
    values = {name: columns[name].astype(np.float64, copy=False) for name in VALUE_COLUMNS if name in columns}
    # One small number per row, since most rows have no fault: the first rule that a row breaks names its reason.
    codes = np.zeros(len(ts), dtype=np.int16)
    reasons = [""]

    def mark(rows: npt.NDArray[Any], reason: str) -> None:
        codes[rows] = len(reasons)
        reasons.append(reason)

    faults = [
        *_wrong_tickers(other_tickers or ()),
        *_wrong_times(columns, schema, day_tz, ranges, allows_own_grid=allows_own_grid),
        *_wrong_values(
            values,
            allows_negative=allows_negative_prices,
            calendar=calendar,
            allows_missing_volume=allows_missing_volume,
        ),
    ]
    for is_wrong, reason in faults:
        if is_wrong.any():
            mark(is_wrong & (codes == 0), reason)
    accepted, differing, repeated = _last_of_each(columns, values, np.flatnonzero(codes == 0))
    if len(differing):
        mark(differing, "another row of the same ts_event differs and came later")
    rejected = np.flatnonzero(codes)
    return CheckedBars(
        _aggregated(columns, values, accepted),
        rejected_table(columns, values, rejected, [reasons[code] for code in codes[rejected]]),
        slots_of(ts[rejected], [reasons[code] for code in codes[rejected]], schema, day_tz),
        repeated,
    )


def _wrong_tickers(tickers: Sequence[str | None]) -> Iterator[tuple[Bools, str]]:
    import numpy as np

    for ticker in sorted({one for one in tickers if one is not None}):
        yield np.array([one == ticker for one in tickers]), f"{OTHER_TICKER}, {ticker}"


def _wrong_times(
    columns: Columns, schema: str, day_tz: str, ranges: Sequence[TimeRange] | None, *, allows_own_grid: bool
) -> Iterator[tuple[Bools, str]]:
    import numpy as np

    ts: Ints = columns["ts_us"]
    is_unusable = (ts <= _EARLIEST_US) | (ts >= _LATEST_US)
    yield is_unusable, NO_TIME
    if ranges is not None:
        starts = np.array([one.start_us for one in ranges], dtype=np.int64)
        ends = np.array([one.end_us for one in ranges], dtype=np.int64)
        place = np.searchsorted(starts, ts, side="right") - 1
        yield (place < 0) | (ts >= np.append(ends, _EARLIEST_US)[place]), OUTSIDE_RANGE
    if is_daily(schema):
        yield midnights_us(np.where(is_unusable, 0, ts), day_tz) != ts, OFF_GRID
    else:
        is_off = ts % step_us(schema) != 0
        if allows_own_grid and step_us(schema) >= OWN_GRID_US and is_off.any():
            is_off = off_own_grid(ts, step_us(schema), day_tz, ~is_unusable)
        yield is_off, OFF_GRID
    if "ts_remainder" in columns:
        yield columns["ts_remainder"] != 0, OFF_GRID


def _wrong_values(
    values: Mapping[str, Floats], *, allows_negative: bool, calendar: object, allows_missing_volume: bool
) -> Iterator[tuple[Bools, str]]:
    import numpy as np

    absent = np.array(np.nan)
    prices = [values.get(name, absent) for name in PRICE_COLUMNS]
    open_, high, low, close = prices
    for name in PRICE_COLUMNS:
        if name in values:
            yield np.isnan(values[name]), f"{name} is missing"
    yield _any(np.isinf(price) for price in prices), "a price is not finite"
    if not allows_negative:
        remedy = "does not allow it; set `calendar: CMES` for a future and ingest again"
        reason = NOT_POSITIVE if calendar is None else f"{NOT_POSITIVE}: {calendar} {remedy}"
        yield _any(price <= 0 for price in prices), reason
    yield high < np.fmax(open_, close), "high is below open or close"
    yield low > np.fmin(open_, close), "low is above open or close"
    if "volume" in values:
        is_right = np.isfinite(values["volume"]) & (values["volume"] >= 0)
        if allows_missing_volume:
            is_right |= np.isnan(values["volume"])
        yield ~is_right, "volume is missing, negative or not finite"
    if "vwap" in values:
        yield np.isinf(values["vwap"]), "vwap is not finite"
        if not allows_negative:
            yield values["vwap"] < 0, "vwap is negative"
    if "transactions" in values:
        count = values["transactions"]
        is_right = np.isnan(count) | ((count >= 0) & are_whole(count))
        yield ~is_right, "transactions is negative or not a whole number"


def _any(conditions: Iterator[Bools]) -> Bools:
    import numpy as np

    met: Bools = functools.reduce(np.logical_or, conditions, np.array(False))
    return met


def _last_of_each(columns: Columns, values: Mapping[str, Floats], rows: Ints) -> tuple[Ints, Ints, int]:
    """Find the last row of each time and publisher, sorted.

    Also return the earlier rows with other values, and the number of earlier rows with equal ones.
    """
    import numpy as np

    ts, publishers = columns["ts_us"], columns.get("publisher_id")
    if publishers is None and bool(np.all(ts[rows][1:] > ts[rows][:-1])):
        return rows, rows[:0], 0
    # Both sorts are stable: rows of one bar stay in order of arrival.
    rows = rows[np.argsort(ts[rows], kind="stable") if publishers is None else np.lexsort((publishers[rows], ts[rows]))]
    is_last = np.append(ts[rows][1:] != ts[rows][:-1], np.ones(min(len(rows), 1), dtype=bool))
    if publishers is not None:
        is_last[:-1] |= publishers[rows][1:] != publishers[rows][:-1]
    last = rows[is_last]
    last_of = last[np.cumsum(is_last) - is_last]
    differs = np.zeros(len(rows), dtype=bool)
    for column in values.values():
        differs |= ~((column[rows] == column[last_of]) | (np.isnan(column[rows]) & np.isnan(column[last_of])))
    return last, rows[differs], int((~is_last & ~differs).sum())


def _aggregated(columns: Columns, values: Mapping[str, Floats], rows: Ints) -> pa.Table:
    """Make one bar of the publishers' (venues') bars of the same time.

    Open and close are those of the publisher with the highest volume, high and low the extremes, volume the sum.
    """
    import numpy as np

    ts: Ints = columns["ts_us"]
    if "publisher_id" not in columns:
        return bars_table(ts, values, rows)
    is_first = np.append(np.ones(min(len(rows), 1), dtype=bool), ts[rows][1:] != ts[rows][:-1])
    if is_first.all():
        return bars_table(ts, values, rows)
    volume = values.get("volume", np.zeros(len(ts)))
    rows = rows[np.lexsort((columns["publisher_id"][rows], -volume[rows], ts[rows]))]
    starts = np.flatnonzero(is_first)
    bars = {name: column[rows[starts]] for name, column in values.items()}
    bars["high"] = np.fmax.reduceat(values["high"][rows], starts)
    bars["low"] = np.fmin.reduceat(values["low"][rows], starts)
    if "volume" in values:
        bars["volume"] = np.add.reduceat(volume[rows], starts)
    return bars_table(ts[rows[starts]], bars, slice(None))
