"""Frames in memory as bars: times as instants, columns by name, rows sorted and unique, the width found or given."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtstore.bars import VALUE_COLUMNS, arrow_schema
from mtstore.errors import InputError
from mtstore.intervals import BarInterval
from mtstore.loader.frame_times import TIME_COLUMNS, read_times
from mtstore.sources.widths import Width, check_width, infer_width

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

# Columns that say what the rows are, not what was traded.
_LABELS: Final = frozenset(
    {*TIME_COLUMNS, "ticker", "symbol", "source", "schema", "ts_close", "session_date", "bar_count"}
)


@dataclass(frozen=True, slots=True)
class Rows:
    """A frame's rows as bars.

    Attributes
    ----------
    us
        µs since the epoch, UTC; sorted and unique.
    values
        float64 by column name, NaN where nothing is; only the columns that the frame has.
    tz
        The zone of the frame's own times.
    """

    us: np.ndarray
    values: Mapping[str, np.ndarray]
    tz: str

    def width(
        self, where: str, *, tz: str, native: BarInterval | None, resampling: BarInterval | None = None
    ) -> Width | None:
        """How wide the bars are: as given, else as the rows tell; see `infer_width`."""
        if native is not None:
            return check_width(self.us, native, where, self.tz)
        return infer_width(self.us, (self.tz, tz, "UTC"), resampling, where)

    def to_bars(self) -> pa.Table:
        """As bars with the columns of `mtstore.bars.arrow_schema`."""
        import pyarrow as pa

        schema = arrow_schema()
        columns = [pa.array(self.us.view("datetime64[us]"), pa.timestamp("us", tz="UTC"))]
        for name in VALUE_COLUMNS:
            kind = schema.field(name).type
            if name not in self.values:
                columns.append(pa.nulls(len(self.us), kind))
                continue
            # NaN is "no value" in a frame; a whole number of trades may have become a float by that.
            column = pa.array(self.values[name], pa.float64(), from_pandas=True)
            columns.append(column if kind == pa.float64() else column.cast(kind))
        return pa.table(columns, schema=schema)


def read_rows(frame: pd.DataFrame, where: str, *, naive_as: str) -> Rows:
    """Read a frame of bars.

    Columns are found by name, in any case (`Open`, `open`). Rows without any value are no bars. Rows of one instant
    count once, the last one; a warning says so where they differ. Columns that bars lack are left out, with a warning.

    Raises
    ------
    InputError
        No times, or wrong ones (see `read_times`); no column of bars; a column that is there twice, or holds no
        numbers.
    """
    import numpy as np
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{where}: bars come as a pandas DataFrame, got {type(frame).__name__}")
    times = read_times(frame, where, naive_as)
    values = {ours: _numbers(frame, theirs, where) for ours, theirs in _columns(frame, where).items()}
    us = times.us
    if values and len(us):
        has_values = ~np.logical_and.reduce([np.isnan(column) for column in values.values()])
        us, values = _taken(us, values, np.flatnonzero(has_values))
    if len(us) > 1 and not bool(np.all(us[1:] > us[:-1])):
        us, values = _taken(us, values, np.argsort(us, kind="stable"))
        us, values = _last_of_each(us, values, where)
    return Rows(us, values, times.tz)


def _columns(frame: pd.DataFrame, where: str) -> dict[str, Hashable]:
    """Our names of the frame's columns."""
    found: dict[str, Hashable] = {}
    others = []
    for theirs in frame.columns:
        ours = str(theirs).lower()
        if ours in found:
            raise InputError(f"{where}: the columns {found[ours]!r} and {theirs!r} are both {ours}")
        if ours in VALUE_COLUMNS:
            found[ours] = theirs
        elif ours not in _LABELS:
            others.append(theirs)
    if not found and len(frame):
        valid = ", ".join(VALUE_COLUMNS)
        raise InputError(f"{where}: no column of bars ({valid}); its columns are {list(map(str, frame.columns))}")
    if others:
        text = f"{where}: columns that bars do not have are left out: {', '.join(map(str, others))}"
        warnings.warn(text, stacklevel=5)
    return found


def _numbers(frame: pd.DataFrame, name: Hashable, where: str) -> np.ndarray:
    import numpy as np
    import pandas as pd

    column = frame[name]
    if pd.api.types.is_bool_dtype(column) or not (
        pd.api.types.is_numeric_dtype(column) or (len(column) == 0 and column.dtype == object)
    ):
        raise InputError(f"{where}: column {name!r} holds {column.dtype}, not numbers")
    values: np.ndarray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _taken(
    us: np.ndarray, values: Mapping[str, np.ndarray], places: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return us[places], {name: column[places] for name, column in values.items()}


def _last_of_each(
    us: np.ndarray, values: Mapping[str, np.ndarray], where: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Of the rows of one instant the one that came last."""
    import numpy as np

    is_last = np.append(us[1:] != us[:-1], True)
    repeated = np.flatnonzero(~is_last)
    differs = np.zeros(len(repeated), dtype=bool)
    for column in values.values():
        one, next_one = column[repeated], column[repeated + 1]
        differs |= (one != next_one) & ~(np.isnan(one) & np.isnan(next_one))
    if differs.any():
        first = np.datetime64(int(us[repeated[differs][0]]), "us")
        warnings.warn(
            f"{where}: {int(differs.sum())} rows have the time of a later row and differ from it, the first at {first} "
            "UTC; the later ones count",
            stacklevel=5,
        )
    return _taken(us, values, np.flatnonzero(is_last))
