"""The outcome of checking rows: the bars among them, and the other rows with their reasons."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtstore.bars import VALUE_COLUMNS, Result, arrow_schema
from mtstore.ranges import Ranges, TimeRange, normalise
from mtstore.sources.bar_grid import ceil_us, floor_us

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]
    Columns = Mapping[str, npt.NDArray[Any]]

OUTSIDE_RANGE = "ts_event is outside of the covered range"
NO_TIME = "ts_event is missing or not a time"
OTHER_TICKER = "bar of another ticker"
OFF_GRID = "ts_event is not on a whole bar"
NOT_POSITIVE = "a price is zero or negative"

# Whole numbers above this are not exact as float64.
_MAX_COUNT = 2.0**53


@dataclass(frozen=True, slots=True)
class CheckedBars:
    """Valid bars, and the rows that are not.

    Attributes
    ----------
    bars
        `arrow_schema()`, sorted and unique on `ts_event`.
    rejected
        The columns of bars plus `reason`, and `file_index` if the rows have it.
    slots
        The bars to which rejected rows belong, except rows at a wrong place (outside of the range, without a time, of
        another ticker).
    repeated
        The number of rows that came more than once with equal values.
    """

    bars: pa.Table
    rejected: pa.Table
    slots: Ranges = ()
    repeated: int = 0

    @property
    def is_misplaced(self) -> bool:
        """Whether a row has a wrong time or ticker, which puts the whole input in doubt."""
        return any(reason.startswith((OUTSIDE_RANGE, NO_TIME, OTHER_TICKER, OFF_GRID)) for reason in self._reasons())

    @property
    def doubtful(self) -> Ranges:
        """The time that a response does not cover because rows there were rejected."""
        return () if self.is_misplaced else self.slots

    @property
    def result(self) -> Result:
        """The result of a response with these rows: 'partial' if it is in doubt as a whole."""
        if self.is_misplaced:
            return "partial" if self.bars.num_rows else "quarantined"
        return "complete" if self.bars.num_rows else "empty"

    @property
    def reason(self) -> str | None:
        """The number of rejected rows by reason, as text."""
        counts = Counter(self._reasons())
        return "; ".join(f"{count} rows: {reason}" for reason, count in counts.most_common()) or None

    def quarantined(self, origin: str, start_us: int | None = None) -> pa.Table | None:
        """Return rejected rows with their origin; None without any.

        Rows without a usable time get `start_us`, because quarantined rows are found by time.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self.rejected.num_rows:
            return None
        rows = self.rejected.select([*arrow_schema().names, "reason"])
        if start_us is not None:
            has_time = pc.not_equal(rows["reason"], NO_TIME)
            start = pa.scalar(start_us, rows["ts_event"].type)
            rows = rows.set_column(0, rows.schema.field("ts_event"), pc.if_else(has_time, rows["ts_event"], start))
        return rows.append_column("origin", pa.repeat(pa.scalar(origin, pa.string()), rows.num_rows))

    def _reasons(self) -> list[str]:
        return self.rejected["reason"].to_pylist() if self.rejected.num_rows else []


def no_bars() -> CheckedBars:
    """Return the result for an input without rows."""
    return CheckedBars(arrow_schema().empty_table(), _none_rejected())


def are_whole(counts: Floats) -> Bools:
    """Return which values are whole numbers that are exact as float64."""
    import numpy as np

    found: Bools = (np.abs(counts) < _MAX_COUNT) & (np.trunc(counts) == counts)
    return found


def bars_table(ts: Ints, values: Mapping[str, Floats], rows: Ints | slice) -> pa.Table:
    """Return rows as a table of bars, with NULL for columns that there are not."""
    import pyarrow as pa

    schema = arrow_schema()
    if not isinstance(rows, slice) and len(rows) == len(ts) and bool((rows[1:] > rows[:-1]).all()):
        rows = slice(None)  # All rows in their order: no need to copy each column.
    ts = ts[rows]
    columns = [pa.array(ts, pa.int64()).cast(schema.field("ts_event").type)]
    for name in VALUE_COLUMNS:
        kind = schema.field(name).type
        if name in values:
            columns.append(pa.array(values[name][rows], pa.float64(), from_pandas=True).cast(kind))
        else:
            columns.append(pa.nulls(len(ts), kind))
    return pa.table(columns, schema=schema)


def rejected_table(columns: Columns, values: Mapping[str, Floats], rows: Ints, reasons: list[str]) -> pa.Table:
    """Return rejected rows as bars with their reasons, and with `file_index` if the rows have it."""
    import numpy as np
    import pyarrow as pa

    if len(rows) == 0:
        return _none_rejected()
    if "transactions" in values:
        # Counts that are not whole numbers do not fit into the column: their rows are found by time and origin.
        count = values["transactions"]
        values = {**values, "transactions": np.where(are_whole(count), count, np.nan)}
    bars = bars_table(columns["ts_us"], values, rows)
    # Rejected lines of files, which are concatenated with these, have no time.
    bars = bars.cast(pa.schema([field.with_nullable(True) for field in bars.schema]))
    bars = bars.append_column("reason", pa.array(reasons, pa.string()))
    if "file_index" in columns:
        bars = bars.append_column("file_index", pa.array(columns["file_index"][rows], pa.int32()))
    return bars


@functools.cache
def _none_rejected() -> pa.Table:
    import numpy as np

    columns = {"ts_us": np.array([0]), "file_index": np.array([0], dtype=np.int32)}
    return rejected_table(columns, {}, np.array([0]), [""]).slice(0, 0)


def slots_of(ts: Ints, reasons: Sequence[str], schema: str, day_tz: str) -> Ranges:
    """Return the bars to which rejected rows belong, except rows at a wrong place."""
    found = {
        int(at)
        for at, reason in zip(ts, reasons, strict=True)
        if not reason.startswith((OUTSIDE_RANGE, NO_TIME, OTHER_TICKER))
    }
    return normalise(TimeRange(floor_us(at, schema, day_tz), ceil_us(at + 1, schema, day_tz)) for at in found)
