"""How wide bars are that come without saying so: as somebody says, or as the times of the rows tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mtstore.bounds import parse_zone
from mtstore.errors import InputError, IntervalError
from mtstore.intervals import BarInterval, parse_interval
from mtstore.ranges import US_PER_DAY, US_PER_SECOND

if TYPE_CHECKING:
    import numpy as np

_WIDTHS: Final = tuple(seconds * US_PER_SECOND for seconds in (3_600, 1_800, 900, 300, 60, 30, 1))


@dataclass(frozen=True, slots=True)
class InferredWidth:
    """How wide a frame's bars are.

    Attributes
    ----------
    schema
        What they are stored as: the widest bars whose raster holds every time.
    interval
        The smallest step from one row to the next; None where too few or too irregular rows tell nothing.
    day_tz
        The zone whose days daily bars are.
    """

    schema: str
    interval: BarInterval | None
    day_tz: str


def schema_of(interval: BarInterval) -> str:
    """The schema of bars of an interval: `5min` is `ohlcv-5m`."""
    if interval.months or interval.days > 1:
        raise IntervalError(f"bars of {interval} are not stored; the widest are 1d")
    if interval.days:
        return "ohlcv-1d"
    return "ohlcv-" + interval.text.replace("min", "m")


def check_width(us: np.ndarray, interval: BarInterval, where: str, tz: str) -> InferredWidth:
    """The width that somebody gave; single rows may be off its bars, and are none.

    Raises
    ------
    InputError
        Half of the rows are not on a whole bar: the width must be wrong. The first of them is named by its time.
    """
    import numpy as np

    schema = schema_of(interval)
    if interval.is_intraday:
        off = np.flatnonzero(us % interval.microseconds)
        if len(off) and 2 * len(off) >= len(us):
            raise InputError(f"{where}: {_spell(us[off[0]])} is not on a whole bar of {interval}")
    return InferredWidth(schema, interval, tz)


def infer_width(
    us: np.ndarray, zones: tuple[str, ...], resampling: BarInterval | None, where: str
) -> InferredWidth | None:
    """The width of bars that open at `us` (sorted, unique); None where a single row could be anything.

    Rows at midnight (of one of `zones`) are days. Else the raster that holds the times tells, as far as `resampling`
    wants it that wide; and where most steps are equal, that step is their interval. Single rows beside a raster that
    such steps and nine tenths of the rows keep to are none of its bars, and do not make it finer.

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
    raster = int(np.gcd.reduce(us))
    if raster % US_PER_SECOND:
        off = us[np.flatnonzero(us % US_PER_SECOND)[0]]
        raise IntervalError(f"{where}: {_spell(off)} is no whole second; bars open on whole seconds")
    steps = np.diff(us)
    step = int(steps.min()) if len(steps) else 0
    # A single step is better than nothing, but no evidence against what somebody asked for.
    is_regular = len(steps) > int(resampling is not None) and 2 * np.count_nonzero(steps == step) >= len(steps)
    interval = _as_interval(step) if is_regular else None
    if resampling is not None and resampling.is_intraday:
        raster = int(np.gcd(raster, resampling.microseconds))
    width = next(width for width in _WIDTHS if raster % width == 0)
    return InferredWidth(schema_of(_as_interval(width) or parse_interval("1s")), interval, zones[0])


def _without_strays(us: np.ndarray) -> np.ndarray:
    """The times that lie on the widest raster that their usual step and nine tenths of them keep to."""
    import numpy as np

    steps, counts = np.unique(np.diff(us), return_counts=True)
    # Steps of more than the widest bar are breaks in trading, and tell nothing of the bars.
    if not len(steps) or 2 * counts.max() < counts.sum() or steps[counts.argmax()] > _WIDTHS[0]:
        return us
    usual = int(steps[counts.argmax()])
    for width in _WIDTHS:
        on_raster = us % width == 0
        if usual % width == 0 and 10 * np.count_nonzero(on_raster) >= 9 * len(us):
            kept: np.ndarray = us[on_raster]
            return kept
    return us


def _are_midnights(us: np.ndarray, zone: str) -> bool:
    import pandas as pd

    tz: Any = parse_zone(zone)
    local = pd.DatetimeIndex(us.view("datetime64[us]")).tz_localize("UTC").tz_convert(tz).tz_localize(None)
    return bool((local.as_unit("us").asi8 % US_PER_DAY == 0).all())


def _as_interval(step_us: int) -> BarInterval | None:
    """A step as an interval; None for one that no interval has, such as 25 hours."""
    if step_us > US_PER_DAY or step_us % US_PER_SECOND:
        return None
    return parse_interval(timedelta(microseconds=step_us))


def _spell(us: int) -> str:
    import numpy as np

    return f"{np.datetime64(int(us), 'us')} UTC"
