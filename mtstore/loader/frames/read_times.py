"""Read the times of a frame's rows as instants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mtstore.bounds import parse_zone, zone_names
from mtstore.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TIME_COLUMNS: Final = ("ts_event", "timestamp", "datetime", "time", "date")
"""Columns for times where the index has none; the first that exists is read."""


def read_times(frame: pd.DataFrame, where: str, naive_as: str) -> tuple[np.ndarray, str]:
    """Read a frame's DatetimeIndex, else the first of `TIME_COLUMNS`: µs since the epoch (UTC), and the times' zone.

    InputError: no times, a missing one, or a naive one that does not exist or happens twice in the zone; names the row,
    counted from 0.
    """
    import numpy as np

    index = _time_index(frame, where)
    missing = np.flatnonzero(index.isna())
    if len(missing):
        raise InputError(f"{where}, row {missing[0]}: the time is missing")
    if index.tz is not None:
        zone_name = str(index.tz)
        return index.as_unit("us").asi8, zone_name if zone_name in zone_names() else "UTC"
    zone: Any = parse_zone(naive_as)
    localized = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    lost = np.flatnonzero(localized.isna())
    if len(lost):
        wall = index[lost[0]]
        first = wall.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
        kind = "happens twice" if first.tz_localize(None) == wall else "does not exist"
        raise InputError(
            f"{where}, row {lost[0]}: {wall} {kind} in {naive_as}: clocks change there; give an index with a zone, or "
            "naive_as='UTC' if the times are UTC"
        )
    return localized.as_unit("us").asi8, naive_as


def has_naive_times(frame: pd.DataFrame, where: str) -> bool:
    """Return whether a frame's times have no zone; InputError as in `read_times`."""
    return _time_index(frame, where).tz is None


def _time_index(frame: pd.DataFrame, where: str) -> pd.DatetimeIndex:
    import pandas as pd

    if isinstance(frame.index, pd.DatetimeIndex):
        return frame.index
    lower = {str(name).lower(): name for name in frame.columns}
    for name in TIME_COLUMNS:
        if name in lower:
            column = frame[lower[name]]
            if pd.api.types.is_datetime64_any_dtype(column):
                return pd.DatetimeIndex(column)
            raise InputError(f"{where}: column {lower[name]!r} holds {column.dtype}, not times; convert it first")
    if len(frame) == 0:
        return pd.DatetimeIndex([], tz="UTC")
    raise InputError(
        f"{where}: the index holds {type(frame.index).__name__}, not times; a frame of bars has a DatetimeIndex, or a "
        f"column {' or '.join(TIME_COLUMNS[:2])}"
    )
