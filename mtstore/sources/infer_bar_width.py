"""Infer the width of bars from their times, or check the width that a caller gave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mtstore.bounds import parse_zone
from mtstore.errors import InputError, IntervalError
from mtstore.intervals import BarInterval, parse_interval
from mtstore.ranges import US_PER_DAY, US_PER_SECOND
from mtstore.sources.bar_grid import OWN_GRID_US, off_own_grid

if TYPE_CHECKING:
    import numpy as np

_WIDTHS: Final = tuple(seconds * US_PER_SECOND for seconds in (3_600, 1_800, 900, 300, 60, 30, 1))


@dataclass(frozen=True, slots=True)
class InferredWidth:
    """The width of a frame's bars.

    Attributes
    ----------
    schema
        The schema to store: the widest bars whose grid contains every time.
    interval
        The smallest step between rows; None if the rows are too few or too irregular.
    day_tz
        The zone whose days daily bars are.
    """

    schema: str
    interval: BarInterval | None
    day_tz: str


def schema_of(interval: BarInterval) -> str:
    """Return the schema of bars of an interval: `5min` is `ohlcv-5m`."""
    if interval.months or interval.days > 1:
        raise IntervalError(f"bars of {interval} are not stored; the widest are 1d")
    if interval.days:
        return "ohlcv-1d"
    return "ohlcv-" + interval.text.replace("min", "m")


def check_width(us: np.ndarray, interval: BarInterval, where: str, tz: str) -> InferredWidth:
    """Return the given width; single rows off its grid are not bars.

    Raises
    ------
    InputError
        Half of the rows are off the grid, so the width must be wrong; the first of them is named by its time.
    """
    import numpy as np

    schema = schema_of(interval)
    if interval.is_intraday:
        off = np.flatnonzero(us % interval.microseconds)
        if len(off) and 2 * len(off) >= len(us):
            raise InputError(f"{where}: {_to_text(us[off[0]])} is not on a whole bar of {interval}")
    return InferredWidth(schema, interval, tz)


def infer_width(
    us: np.ndarray, zones: tuple[str, ...], resampling: BarInterval | None, where: str, *, own_grid: bool = False
) -> InferredWidth | None:
    """Infer the width of bars that open at `us` (sorted, unique); None if a single row could have any width.

    Rows at midnight (of one of `zones`) are days. Otherwise the grid that contains the times decides, at most as wide
    as `resampling`; if most steps are equal, that step is the interval. Single rows off a grid that most steps and nine
    tenths of the rows keep are not bars, and do not make it finer. With `own_grid`, bars of an hour and wider may open
    at one offset from the UTC grid: hours from 09:30 are `ohlcv-1h`.

    Raises
    ------
    IntervalError
        Times between whole seconds.
    """
    import numpy as np

    is_intraday = resampling is None or resampling.is_intraday
    for zone in dict.fromkeys(zones):
        if len(us) > int(is_intraday) and _are_midnights(us, zone):
            return InferredWidth("ohlcv-1d", parse_interval("1d"), zone)
    if not len(us) or (len(us) == 1 and resampling is None):
        return None
    us = _without_strays(us)
    grid = int(np.gcd.reduce(us))
    if grid % US_PER_SECOND:
        off = us[np.flatnonzero(us % US_PER_SECOND)[0]]
        raise IntervalError(f"{where}: {_to_text(off)} is not a whole second; bars open on whole seconds")
    steps = np.diff(us)
    step = int(steps.min()) if len(steps) else 0
    # A single step may decide, but is not evidence against a requested interval.
    is_regular = len(steps) > int(resampling is not None) and 2 * np.count_nonzero(steps == step) >= len(steps)
    interval = _as_interval(step) if is_regular else None
    may_be_own = own_grid and OWN_GRID_US <= step < US_PER_DAY
    if interval is not None and may_be_own and not off_own_grid(us, step, zones[0]).any():
        return InferredWidth(schema_of(interval), interval, zones[0])
    if resampling is not None and resampling.is_intraday:
        grid = int(np.gcd(grid, resampling.microseconds))
    width = next(width for width in _WIDTHS if grid % width == 0)
    return InferredWidth(schema_of(_as_interval(width) or parse_interval("1s")), interval, zones[0])


def _without_strays(us: np.ndarray) -> np.ndarray:
    """Return the times on the widest grid that the usual step and nine tenths of the times keep."""
    import numpy as np

    steps, counts = np.unique(np.diff(us), return_counts=True)
    # Longer steps than the widest bar are breaks in trading, not evidence.
    if not len(steps) or 2 * counts.max() < counts.sum() or steps[counts.argmax()] > _WIDTHS[0]:
        return us
    usual = int(steps[counts.argmax()])
    for width in _WIDTHS:
        on_grid = us % width == 0
        if usual % width == 0 and 10 * np.count_nonzero(on_grid) >= 9 * len(us):
            regular: np.ndarray = us[on_grid]
            return regular
    return us


def _are_midnights(us: np.ndarray, zone: str) -> bool:
    import pandas as pd

    tz: Any = parse_zone(zone)
    local = pd.DatetimeIndex(us.view("datetime64[us]")).tz_localize("UTC").tz_convert(tz).tz_localize(None)
    return bool((local.as_unit("us").asi8 % US_PER_DAY == 0).all())


def _as_interval(step_us: int) -> BarInterval | None:
    """Return a step as an interval; None if no interval has it, such as 25 hours."""
    if step_us > US_PER_DAY or step_us % US_PER_SECOND:
        return None
    return parse_interval(timedelta(microseconds=step_us))


def _to_text(us: int) -> str:
    import numpy as np

    return f"{np.datetime64(int(us), 'us')} UTC"
