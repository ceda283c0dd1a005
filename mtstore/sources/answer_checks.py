"""The response contract: which rows of a vendor's answer may be stored, and why the others may not.

A row must open on the schema's grid, inside the asked range, once, with prices that fit together. Rows that do not are
handed back with a reason; nothing is repaired and nothing is dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtstore.bars import VALUE_COLUMNS, Result, TimeRange, arrow_schema, is_daily, step_us
from mtstore.sources.bar_grid import day_opens_us

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

# Instants that survive the conversion to nanoseconds, which some readers of the files make.
_EARLIEST_US = -9_000_000_000_000_000
_LATEST_US = 9_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer's rows, told apart.

    `bars` has the columns of `arrow_schema()`, sorted and unique; `quarantined` those plus `reason` and `origin`, or is
    None; `repeated` counts rows that came more than once with equal values, which is harmless.
    """

    bars: pa.Table
    quarantined: pa.Table | None = None
    repeated: int = 0

    @property
    def result(self) -> Result:
        """What an answer with these rows amounts to."""
        if self.quarantined is None:
            return "complete" if self.bars.num_rows else "empty"
        return "partial" if self.bars.num_rows else "quarantined"

    @property
    def reason(self) -> str | None:
        """How many rows were quarantined, and why."""
        if self.quarantined is None:
            return None
        counts = Counter(self.quarantined["reason"].to_pylist())
        return "; ".join(f"{count} rows: {reason}" for reason, count in counts.most_common())


def quarantine_schema() -> pa.Schema:
    """The columns of quarantined rows: those of bars, plus `reason` and `origin`."""
    import pyarrow as pa

    return pa.schema([*arrow_schema(), pa.field("reason", pa.string()), pa.field("origin", pa.string())])


def check_rows(
    columns: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
    *,
    schema: str,
    asked: TimeRange,
    day_tz: str,
    origin: str,
    allows_negative_prices: bool = False,
    foreign_ticker: Sequence[str | None] | None = None,
) -> Checked:
    """Tell the rows that may be stored from those that may not.

    Parameters
    ----------
    columns
        `ts_us` (int64) and the value columns as float64 (NaN: the vendor sent none), in order of arrival: where a bar
        came twice with different values, the later one is kept and the earlier one quarantined.
    schema, asked, day_tz
        What was asked for; `asked` is aligned to the schema's bars.
    origin
        The request, for the quarantined rows.
    allows_negative_prices
        Futures and indices may be at or below zero.
    foreign_ticker
        For each row the ticker it is for, if that is another one than was asked for.
    """
    import numpy as np

    ts = np.asarray(columns["ts_us"], dtype=np.int64)
    values = {name: np.asarray(columns[name], dtype=np.float64) for name in VALUE_COLUMNS}
    reasons = np.full(len(ts), None, dtype=object)

    def mark(bad: Bools, reason: str) -> None:
        reasons[bad & (reasons == None)] = reason  # noqa: E711 - element by element

    if foreign_ticker is not None:
        for ticker in sorted({name for name in foreign_ticker if name is not None}):
            mark(np.array([name == ticker for name in foreign_ticker]), f"bar of another ticker, {ticker}")
    for bad, reason in _violations(ts, values, schema, asked, day_tz, allows_negative_prices):
        mark(bad, reason)
    accepted = np.flatnonzero(reasons == None)  # noqa: E711
    kept, repeated = _newest_of_each(ts, values, accepted, reasons)
    return Checked(
        bars=_bars(ts, values, kept),
        quarantined=_quarantined(ts, values, reasons, origin, asked),
        repeated=repeated,
    )


def _violations(  # noqa: PLR0917 - the six facts of a row check
    ts: Ints, values: Mapping[str, Floats], schema: str, asked: TimeRange, day_tz: str, allows_negative: bool
) -> list[tuple[Bools, str]]:
    import numpy as np

    prices = np.stack([values[name] for name in ("open", "high", "low", "close")])
    opens, highs, lows, closes = prices
    volume, vwap, transactions = values["volume"], values["vwap"], values["transactions"]
    if is_daily(schema):
        off_grid = ~np.isin(ts, np.array(day_opens_us(asked, day_tz), dtype=np.int64))
        off_grid &= (ts >= asked.start_us) & (ts < asked.end_us)
    else:
        off_grid = ts % step_us(schema) != 0
    found = [
        ((ts <= _EARLIEST_US) | (ts >= _LATEST_US), "no usable time"),
        ((ts < asked.start_us) | (ts >= asked.end_us), "outside of the asked range"),
        (off_grid, f"opens off the grid of {schema}"),
        (np.isnan(prices).any(axis=0), "a price is missing"),
        (~np.isfinite(prices).all(axis=0), "a price is not finite"),
        (highs < np.maximum(opens, closes), "high below open or close"),
        (lows > np.minimum(opens, closes), "low above open or close"),
        (np.isnan(volume), "volume is missing"),
        (~np.isfinite(volume) | (volume < 0), "volume is negative or not finite"),
        (np.isinf(vwap), "vwap is not finite"),
        (np.isinf(transactions) | (transactions < 0), "transactions are negative or not finite"),
    ]
    if not allows_negative:
        found.append(((prices <= 0).any(axis=0), "a price is not positive"))
    return found


def _newest_of_each(ts: Ints, values: Mapping[str, Floats], accepted: Ints, reasons: Any) -> tuple[Ints, int]:
    """Indexes of the rows to keep, sorted by time; earlier rows of the same bar get a reason if they differ."""
    import numpy as np

    order = accepted[np.argsort(ts[accepted], kind="stable")]
    if len(order) == 0:
        return order, 0
    is_last = np.append(ts[order][1:] != ts[order][:-1], True)
    last_of = order[is_last][np.searchsorted(np.flatnonzero(is_last), np.arange(len(order)))]
    differs = np.zeros(len(order), dtype=bool)
    for column in values.values():
        mine, newest = column[order], column[last_of]
        differs |= ~((mine == newest) | (np.isnan(mine) & np.isnan(newest)))
    reasons[order[differs]] = "came again with other values"
    return order[is_last], int((~is_last & ~differs).sum())


def _bars(ts: Ints, values: Mapping[str, Floats], rows: Ints) -> pa.Table:
    import pyarrow as pa

    fields = arrow_schema()
    columns = [pa.array(ts[rows], pa.int64()).cast(fields.field("ts_event").type)]
    columns += [_values(values[name][rows], fields.field(name).type) for name in VALUE_COLUMNS]
    return pa.table(columns, schema=fields)


def _quarantined(
    ts: Ints, values: Mapping[str, Floats], reasons: Any, origin: str, asked: TimeRange
) -> pa.Table | None:
    import numpy as np
    import pyarrow as pa

    rows = np.flatnonzero(reasons != None)  # noqa: E711
    if len(rows) == 0:
        return None
    fields = quarantine_schema()
    # A row without a usable time is filed under the start of what was asked; a quarantined row must be found by time.
    usable = (ts[rows] > _EARLIEST_US) & (ts[rows] < _LATEST_US)
    times = np.where(usable, ts[rows], asked.start_us)
    columns = [pa.array(times, pa.int64()).cast(fields.field("ts_event").type)]
    for name in VALUE_COLUMNS:
        column = values[name][rows]
        if name == "transactions":
            column = np.where(np.abs(column) < 2**62, column, np.nan)
        columns.append(_values(column, fields.field(name).type))
    columns += [pa.array(reasons[rows], pa.string()), pa.array([origin] * len(rows), pa.string())]
    return pa.table(columns, schema=fields)


def _values(column: Floats, kind: pa.DataType) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    missing = np.isnan(column)
    if pa.types.is_integer(kind):
        return pa.array(np.where(missing, 0, np.trunc(column)).astype(np.int64), kind, mask=missing)
    return pa.array(column, kind, mask=missing)


def empty_bars() -> pa.Table:
    """A table without a bar."""
    return arrow_schema().empty_table()
