"""Where a plan's data end, as the vendor's refusal says."""

from __future__ import annotations

from mtstore.ranges import TimeRange
from mtstore.sources import bar_grid
from mtstore.sources.http.failures import Failure
from mtstore.sources.http.named_end import named_end_us


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
