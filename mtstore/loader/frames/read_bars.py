"""Read a frame of bars: times as instants, columns by name, rows sorted."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtstore.bars import VALUE_COLUMNS, is_daily
from mtstore.errors import InputError
from mtstore.intervals import BarInterval
from mtstore.loader.frames.read_times import TIME_COLUMNS, read_times
from mtstore.sources.bar_grid import midnights_us
from mtstore.sources.bar_rules import check_bars
from mtstore.sources.checked_bars import CheckedBars
from mtstore.sources.infer_bar_width import InferredWidth, check_width, infer_width

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# Columns that describe the rows, and are ignored.
_LABELS: Final = frozenset(
    {*TIME_COLUMNS, "ticker", "symbol", "source", "schema", "ts_close", "session_date", "bar_count"}
)


@dataclass(frozen=True, slots=True)
class Rows:
    """A frame's rows with any value, valid bars or not.

    Attributes
    ----------
    us
        µs since the epoch, UTC; sorted, repeated ones in the frame's order.
    values
        float64 by column name, missing values NaN; only the frame's columns.
    tz
        The zone of the frame's own times.
    places
        The rows' numbers in the frame, counted from 0.
    """

    us: np.ndarray
    values: Mapping[str, np.ndarray]
    tz: str
    places: np.ndarray

    def width(
        self,
        where: str,
        *,
        tz: str,
        native: BarInterval | None,
        resampling: BarInterval | None = None,
        own_grid: bool = False,
    ) -> InferredWidth | None:
        """Return the bars' width: as given, else inferred; see `infer_width`."""
        import numpy as np

        us = np.unique(self.us)
        if native is not None:
            return check_width(us, native, where, self.tz)
        return infer_width(us, (self.tz, tz, "UTC"), resampling, where, own_grid=own_grid)

    def check(
        self,
        schema: str,
        day_tz: str,
        *,
        allows_negative_prices: bool,
        calendar: object,
        allows_own_grid: bool = False,
    ) -> CheckedBars:
        """Check the rows as bars of a schema; `file_index` of a rejected row is its place in the frame.

        Parameters: see `mtstore.sources.bar_rules.check_bars`.
        """
        ts_us = midnights_us(self.us, day_tz) if is_daily(schema) else self.us
        return check_bars(
            {"ts_us": ts_us, **self.values, "file_index": self.places},
            schema=schema,
            day_tz=day_tz,
            ranges=None,
            allows_negative_prices=allows_negative_prices,
            calendar=calendar,
            allows_own_grid=allows_own_grid,
        )


def read_rows(frame: pd.DataFrame, where: str, *, naive_as: str) -> Rows:
    """Read a frame of bars.

    Columns are found by name, in any case (`Open`, `open`). Rows without any value are left out, and unknown columns
    too, with a warning.

    InputError: no or invalid times (see `read_times`); no column of bars; a repeated column, or one without numbers.
    """
    import numpy as np
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{where}: bars come as a pandas DataFrame, got {type(frame).__name__}")
    us, tz = read_times(frame, where, naive_as)
    values = {ours: _numbers(frame, theirs, where) for ours, theirs in _columns(frame, where).items()}
    places = np.arange(len(us))
    if values and len(us):
        places = np.flatnonzero(~np.logical_and.reduce([np.isnan(column) for column in values.values()]))
        us = us[places]
    if len(us) > 1 and not bool(np.all(us[1:] >= us[:-1])):
        order = np.argsort(us, kind="stable")
        us, places = us[order], places[order]
    if len(places) < len(frame) or not bool(np.all(places[1:] > places[:-1])):
        values = {name: column[places] for name, column in values.items()}
    return Rows(us, values, tz, places)


def _columns(frame: pd.DataFrame, where: str) -> dict[str, Hashable]:
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
