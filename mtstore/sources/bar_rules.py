"""The response contract: which rows of a vendor's answer may be stored, and why the others may not.

A row must open on the schema's grid, inside the asked range, once, with prices that fit together. Rows that do not are
handed back with a reason; nothing is repaired and nothing is dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtstore.bars import PRICE_COLUMNS, VALUE_COLUMNS, Result, arrow_schema, is_daily, step_us
from mtstore.ranges import Ranges, TimeRange, normalise
from mtstore.sources.bar_grid import ceil_us, day_opens_us

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


# Reasons that put the whole answer in doubt; the others only the bar that they are about.
_OUTSIDE = "outside of the asked range"
_NO_TIME = "no usable time"
_FOREIGN = "bar of another ticker"
_OFF_GRID = "opens off the grid"


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer's rows, told apart.

    Attributes
    ----------
    bars
        The columns of `arrow_schema()`, sorted and unique.
    quarantined
        Those columns plus `reason` and `origin`; None if there is no such row.
    doubtful
        The slots of bars that were quarantined: the answer does not speak for them.
    repeated
        How many rows came more than once with equal values, which is harmless.
    """

    bars: pa.Table
    quarantined: pa.Table | None = None
    doubtful: Ranges = ()
    repeated: int = 0

    @property
    def result(self) -> Result:
        """What an answer with these rows amounts to; 'partial' if it must be doubted as a whole."""
        if self.quarantined is not None and not self.doubtful:
            return "partial" if self.bars.num_rows else "quarantined"
        return "complete" if self.bars.num_rows else "empty"

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
    allows_missing_prices: bool = False,
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
    allows_missing_prices
        Databento has a word for an undefined price; such bars are stored with NULL.
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
            mark(np.array([name == ticker for name in foreign_ticker]), f"{_FOREIGN}, {ticker}")
    for bad, reason in _misplaced(ts, schema, asked, day_tz):
        mark(bad, reason)
    for bad, reason in _impossible(values):
        mark(bad, reason)
    prices = [values[name] for name in PRICE_COLUMNS]
    if not allows_missing_prices:
        mark(_any_of([np.isnan(price) for price in prices]), "a price is missing")
    if not allows_negative_prices:
        mark(_any_of([price <= 0 for price in prices]), "a price is not positive")
    accepted = np.flatnonzero(reasons == None)  # noqa: E711
    kept, repeated = _newest_of_each(ts, values, accepted, reasons)
    return Checked(
        bars=_bars(ts, values, kept),
        quarantined=_quarantined(ts, values, reasons, origin, asked),
        doubtful=_doubtful(ts, reasons, schema, day_tz),
        repeated=repeated,
    )


def _doubtful(ts: Ints, reasons: Any, schema: str, day_tz: str) -> Ranges:
    """The slots of quarantined bars; none if some reason puts more in doubt than its own bar."""
    import numpy as np

    rows = np.flatnonzero(reasons != None)  # noqa: E711
    if any(str(reason).startswith((_OUTSIDE, _NO_TIME, _FOREIGN, _OFF_GRID)) for reason in set(reasons[rows])):
        return ()
    opens = {int(at) for at in ts[rows]}
    return normalise(TimeRange(at, ceil_us(at + 1, schema, day_tz)) for at in opens)


def _misplaced(ts: Ints, schema: str, asked: TimeRange, day_tz: str) -> list[tuple[Bools, str]]:
    import numpy as np

    inside = (ts >= asked.start_us) & (ts < asked.end_us)
    if is_daily(schema):
        off_grid = inside & ~np.isin(ts, np.array(day_opens_us(asked, day_tz), dtype=np.int64))
    else:
        off_grid = ts % step_us(schema) != 0
    return [
        ((ts <= _EARLIEST_US) | (ts >= _LATEST_US), _NO_TIME),
        (~inside, _OUTSIDE),
        (off_grid, f"{_OFF_GRID} of {schema}"),
    ]


def _impossible(values: Mapping[str, Floats]) -> list[tuple[Bools, str]]:
    """Values that no market can have made; a comparison with a missing price is not one."""
    import numpy as np

    opens, highs, lows, closes = (values[name] for name in PRICE_COLUMNS)
    volume, vwap, transactions = values["volume"], values["vwap"], values["transactions"]
    return [
        (_any_of([np.isinf(price) for price in (opens, highs, lows, closes)]), "a price is not finite"),
        ((highs < opens) | (highs < closes), "high below open or close"),
        ((lows > opens) | (lows > closes), "low above open or close"),
        (np.isnan(volume), "volume is missing"),
        (~np.isfinite(volume) | (volume < 0), "volume is negative or not finite"),
        (np.isinf(vwap), "vwap is not finite"),
        (np.isinf(transactions) | (transactions < 0), "transactions are negative or not finite"),
    ]


def _any_of(conditions: Sequence[Bools]) -> Bools:
    import numpy as np

    met: Bools = np.logical_or.reduce(conditions)
    return met


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
