"""From a ticker's raw rows to bars that may be stored: aggregated, sorted, unique, valid; the rest is quarantined.

The rules are DESIGN's Validity: high >= max(open, close), low <= min(open, close), volume >= 0, everything finite;
a price <= 0 is a violation except for futures. A row is never dropped silently: exact repetitions collapse (counted),
rows of one instant that differ keep the last and quarantine the others, and a violation keeps its reason and origin.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtstore.bars import PRICE_COLUMNS, VALUE_COLUMNS, arrow_schema
from mtstore.ranges import TimeRange

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ALIGNMENT = "ts_event is not on a whole bar"
OUTSIDE = "ts_event lies outside the range that the input covers"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Valid bars, and the rows that are none.

    Attributes
    ----------
    bars
        `arrow_schema()`, sorted and unique on `ts_event`.
    bad
        The columns of bars plus `reason` and `file_index`.
    """

    bars: pa.Table
    bad: pa.Table
    collapsed: int


def clean(
    rows: pa.Table,
    *,
    step_us: int,
    is_daily: bool,
    may_be_negative: bool,
    may_be_undefined: bool,
    ranges: tuple[TimeRange, ...] | None,
) -> Cleaned:
    """Clean the rows of one ticker.

    Parameters
    ----------
    rows
        Columns ts_us (int64), open … transactions, file_index (int32); optionally ts_remainder, publisher_id. A column
        that all of them lack is no fault of a row: it stays NULL, and what the others say is judged without it.
    step_us
        The width of a bar; intraday bars must begin on a whole multiple of it.
    may_be_negative
        Whether prices at or below zero are legal (futures).
    may_be_undefined
        Whether prices may be missing (Databento's undefined prices); they are stored as NULL.
    ranges
        What the input covers; rows outside are violations. None: no limit.
    """
    import numpy as np
    import pyarrow as pa

    repeated = 0
    rows = rows.combine_chunks()
    if "publisher_id" in rows.column_names:
        rows, repeated = _aggregate_publishers(rows)
    stamps = rows["ts_us"].to_numpy()
    if len(stamps) > 1 and not bool(np.all(stamps[1:] > stamps[:-1])):
        rows = rows.take(pa.array(np.argsort(stamps, kind="stable")))
        stamps = rows["ts_us"].to_numpy()
    reasons = _Reasons(rows.num_rows)
    _mark_violations(reasons, rows, may_be_negative=may_be_negative, may_be_undefined=may_be_undefined)
    if not is_daily:
        reasons.mark(stamps % step_us != 0, ALIGNMENT)
    if "ts_remainder" in rows.column_names:
        reasons.mark(rows["ts_remainder"].to_numpy() != 0, ALIGNMENT)
    if ranges is not None:
        reasons.mark(~_inside(stamps, ranges), OUTSIDE)
    collapsed = _mark_duplicates(reasons, rows, stamps)
    good = reasons.is_good()
    if good.all():
        return Cleaned(_as_bars(rows), _nothing_bad(), repeated)
    bad = ~good & ~collapsed
    return Cleaned(
        bars=_as_bars(rows.filter(pa.array(good))),
        bad=_as_bad(rows.filter(pa.array(bad)), reasons.texts_of(bad)),
        collapsed=int(collapsed.sum()) + repeated,
    )


class _Reasons:
    """Why rows are no bars: one small number per row, as most have none. The last reason given counts."""

    def __init__(self, length: int) -> None:
        import numpy as np

        self._codes = np.zeros(length, dtype=np.uint8)
        self._texts = [""]

    def mark(self, where: np.ndarray, reason: str) -> None:
        """Give a reason to some rows: a mask, or their places."""
        if where.any() if where.dtype == bool else len(where):
            self._codes[where] = len(self._texts)
            self._texts.append(reason)

    def is_good(self) -> np.ndarray:
        """Which rows have none."""
        is_good: np.ndarray = self._codes == 0
        return is_good

    def texts_of(self, rows: np.ndarray) -> list[str]:
        """The reasons of some rows."""
        return [self._texts[code] for code in self._codes[rows]]


def _mark_violations(reasons: _Reasons, rows: pa.Table, *, may_be_negative: bool, may_be_undefined: bool) -> None:
    import numpy as np

    o, h, l, c = (_floats(rows, name) for name in PRICE_COLUMNS)  # noqa: E741 - the field's own letters
    with np.errstate(invalid="ignore"):
        if "volume" in rows.column_names:
            volume = _floats(rows, "volume")
            is_wrong = np.isnan(volume) | (volume < 0) | np.isinf(volume)
            reasons.mark(is_wrong, "volume is missing, negative or not finite")
        # fmin and fmax pass over a price that is missing: the others must fit all the same.
        if not may_be_negative:
            reasons.mark((np.fmin(np.fmin(o, l), np.fmin(h, c)) <= 0), "a price is zero or negative")
        reasons.mark(l > np.fmin(o, c), "low is above open or close")
        reasons.mark(h < np.fmax(o, c), "high is below open or close")
        reasons.mark(np.isinf(o) | np.isinf(h) | np.isinf(l) | np.isinf(c), "a price is not finite")
    if not may_be_undefined:
        for name, values in zip(PRICE_COLUMNS, (o, h, l, c), strict=True):
            if name in rows.column_names:
                reasons.mark(np.isnan(values), "a price is missing")


def _floats(rows: pa.Table, name: str) -> np.ndarray:
    """A column as float64, NULL as NaN; all NaN where there is no such column."""
    import numpy as np

    if name not in rows.column_names:
        return np.full(rows.num_rows, np.nan)
    column = rows[name]
    column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values


def _inside(stamps: np.ndarray, ranges: tuple[TimeRange, ...]) -> np.ndarray:
    import numpy as np

    starts = np.array([bounds.start_us for bounds in ranges], dtype=np.int64)
    ends = np.array([bounds.end_us for bounds in ranges], dtype=np.int64)
    place = np.searchsorted(starts, stamps, side="right") - 1
    return (place >= 0) & (stamps < ends[np.maximum(place, 0)]) if len(ranges) else np.zeros(len(stamps), dtype=bool)


def _mark_duplicates(reasons: _Reasons, rows: pa.Table, stamps: np.ndarray) -> np.ndarray:
    """Of valid rows of one instant the last stays; gives which of the others are mere repetitions."""
    import numpy as np

    collapsed = np.zeros(len(stamps), dtype=bool)
    if len(stamps) < 2 or bool(np.all(stamps[1:] != stamps[:-1])):
        return collapsed
    valid = np.flatnonzero(reasons.is_good())
    earlier, later = valid[:-1], valid[1:]
    pairs = np.flatnonzero(stamps[earlier] == stamps[later])
    if not len(pairs):
        return collapsed
    same = np.ones(len(pairs), dtype=bool)
    for name in VALUE_COLUMNS:
        if name in rows.column_names:
            values = _floats(rows, name)
            left, right = values[earlier[pairs]], values[later[pairs]]
            same &= (left == right) | (np.isnan(left.astype(float)) & np.isnan(right.astype(float)))
    collapsed[earlier[pairs[same]]] = True
    reasons.mark(earlier[pairs[same]], "repeated")
    reasons.mark(earlier[pairs[~same]], "another row of the same ts_event differs and came later")
    return collapsed


def _as_bars(rows: pa.Table) -> pa.Table:
    import pyarrow as pa

    schema = arrow_schema()
    columns = [rows["ts_us"].cast(pa.timestamp("us", tz="UTC"))]
    for name in VALUE_COLUMNS:
        kind = schema.field(name).type
        columns.append(rows[name].cast(kind) if name in rows.column_names else pa.nulls(rows.num_rows, kind))
    return pa.table(columns, schema=schema)


@functools.cache
def _nothing_bad() -> pa.Table:
    import pyarrow as pa

    rows = pa.table({"ts_us": pa.array([], pa.int64()), "file_index": pa.array([], pa.int32())})
    return _as_bad(rows, [])


def _as_bad(rows: pa.Table, reasons: list[str]) -> pa.Table:
    import pyarrow as pa

    bars = _as_bars(rows)
    nullable = bars.cast(pa.schema([field.with_nullable(True) for field in bars.schema]))
    return nullable.append_column("reason", pa.array(reasons, pa.string())).append_column(
        "file_index", rows["file_index"]
    )


def _aggregate_publishers(rows: pa.Table) -> tuple[pa.Table, int]:
    """One bar per instant from one bar per publisher: open and close of the highest-volume one, max, min, sum.

    Also gives how many records were mere repetitions: counted twice, they would double the volume.
    """
    import numpy as np
    import pyarrow as pa

    stamps = rows["ts_us"].to_numpy()
    publishers = rows["publisher_id"].to_numpy()
    if len(np.unique(publishers)) < 2:
        return rows.drop_columns(["publisher_id"]), 0
    volume = np.nan_to_num(_floats(rows, "volume"))
    order = np.lexsort((publishers, -volume, stamps))
    rows, stamps = rows.take(pa.array(order)), stamps[order]
    is_repeated = _repeats_the_row_before(rows)
    if is_repeated.any():
        rows, stamps = rows.filter(pa.array(~is_repeated)), stamps[~is_repeated]
    starts = np.flatnonzero(np.r_[True, stamps[1:] != stamps[:-1]])
    leaders = rows.take(pa.array(starts))
    highs = np.fmax.reduceat(_floats(rows, "high"), starts)
    lows = np.fmin.reduceat(_floats(rows, "low"), starts)
    volumes = np.add.reduceat(_floats(rows, "volume"), starts)
    for name, values in (("high", highs), ("low", lows), ("volume", volumes)):
        place = leaders.column_names.index(name)
        leaders = leaders.set_column(place, name, pa.array(values, from_pandas=True))
    return leaders.drop_columns(["publisher_id"]), int(is_repeated.sum())


def _repeats_the_row_before(rows: pa.Table) -> np.ndarray:
    import numpy as np

    same = np.ones(max(rows.num_rows - 1, 0), dtype=bool)
    for name in ("ts_us", "publisher_id", "volume", *PRICE_COLUMNS):
        values = rows[name].combine_chunks().to_numpy(zero_copy_only=False)
        same &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    return np.concatenate(([False], same))
