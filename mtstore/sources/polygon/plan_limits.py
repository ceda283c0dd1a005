"""Where a plan's data begin and end: what the vendor's refusals say, and what its answers leave out without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore import calendars
from mtstore.infer_calendar import infer_calendar
from mtstore.ranges import TimeRange
from mtstore.sources import bar_grid
from mtstore.sources.http.failures import Failure
from mtstore.sources.http.named_end import named_end_us

if TYPE_CHECKING:
    import numpy as np


def end_of_plan_us(failure: Failure, refused: TimeRange, *, now_us: int, schema: str, day_tz: str) -> int | None:
    """Return the end of what a plan includes of a refused range: the end that the refusal names, or today's midnight.

    Plans with data of the end of the day refuse whole ranges that reach into today, and name no end. None if the
    refusal has another cause.
    """
    if failure.status != 403:
        return None
    end_us = named_end_us(failure)
    if end_us is None and failure.code == "NOT_AUTHORIZED":
        today_us = bar_grid.floor_us(now_us, "ohlcv-1d", day_tz)
        end_us = today_us if refused.start_us < today_us < refused.end_us else None
    return None if end_us is None else max(refused.start_us, bar_grid.floor_us(end_us, schema, day_tz))


def left_out(times_us: np.ndarray, answered: TimeRange, *, ticker: str, day_tz: str) -> TimeRange | None:
    """Return the days before the first bar, if a whole session of them has no bar.

    A plan of limited history may leave them out, or the ticker did not trade.
    """
    inside = times_us[(times_us >= answered.start_us) & (times_us < answered.end_us)]
    if len(inside) == 0:
        return None
    begin_us = bar_grid.floor_us(int(inside.min()), "ohlcv-1d", day_tz)
    table = calendars.session_table(infer_calendar(ticker, "polygon"))
    opens, closes = (table[name].cast("int64").to_numpy() for name in ("open_ts", "close_ts"))
    is_without_bar = (opens >= answered.start_us) & (closes <= begin_us)
    return TimeRange(answered.start_us, begin_us) if is_without_bar.any() else None
