"""Sessions of exchange_calendars, whatever pandas is installed."""

from __future__ import annotations

import functools
import warnings
from datetime import date
from typing import TYPE_CHECKING, Any

from mtstore.custom_calendars import FIRST_SESSION
from mtstore.errors import InputError

if TYPE_CHECKING:
    import exchange_calendars as xc


@functools.cache
def library() -> Any:
    """Import exchange_calendars, its offsets mended where pandas ignores them."""
    import exchange_calendars

    _mend_offsets()
    check_offsets()
    return exchange_calendars


@functools.lru_cache(maxsize=128)
def library_calendar(name: str, last: date) -> xc.ExchangeCalendar:
    """Return a calendar from 1990 or its first date to `last` or its last date.

    Raises
    ------
    InputError
        The library cannot build the calendar.
    """
    import pandas as pd

    try:
        start, end = pd.Timestamp(FIRST_SESSION), pd.Timestamp(last)
        with warnings.catch_warnings():
            # Deprecation warnings of the library's own code do not concern the caller.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                return library().get_calendar(name, start=start, end=end)
            except ValueError:
                # Only a constructed calendar has its bounds; few calendars are bounded.
                bounds = library().get_calendar(name)
                first, final = bounds.bound_min(), bounds.bound_max()
                return library().get_calendar(name, start=max(first or start, start), end=min(final or end, end))
    except Exception as error:
        raise _unusable(name, error) from error


def check_offsets() -> None:
    """Raise InputError if pandas passes over the library's offsets: calendars would miss sessions silently."""
    import pandas as pd
    from exchange_calendars.pandas_extensions.offsets import MultipleWeekmaskCustomBusinessDay, OrthodoxEaster

    monday, sunday = pd.Timestamp("2024-01-15"), pd.Timestamp("2024-01-21")
    week = MultipleWeekmaskCustomBusinessDay(weekmasks=[(monday, sunday, "1111110")])
    try:
        is_right = len(pd.date_range(monday, sunday, freq=week)) == 6
        is_right &= monday + OrthodoxEaster() == pd.Timestamp("2024-05-05")
    except NotImplementedError:
        is_right = False
    if not is_right:
        raise InputError(f"exchange_calendars misses sessions with pandas {pd.__version__}; use pandas 2, 3.0 or 3.1")


def _unusable(name: str, error: Exception) -> InputError:
    import pandas as pd

    reason = f"{type(error).__name__}: {str(error)[:200]}"
    return InputError(
        f"calendar {name!r}: exchange_calendars {library().__version__} cannot build it with pandas "
        f"{pd.__version__} ({reason}); use another version of either, or a calendar under 'calendars:'"
    )


def _mend_offsets() -> None:
    """Let pandas 3.1 see the offsets that the library defines: Orthodox and Jewish holidays, weeks with a Saturday.

    That version calls `_add_datetime` where earlier ones call `_apply`. Without it, calendars raise or miss sessions.
    """
    from exchange_calendars import tase_holidays
    from exchange_calendars.pandas_extensions import offsets
    from pandas.tseries.offsets import BaseOffset, CustomBusinessDay

    if hasattr(BaseOffset, "_apply"):
        return

    class BusinessDay(CustomBusinessDay):
        def _apply(self, day: Any) -> Any:
            return self + day

    offsets.CustomBusinessDay = BusinessDay
    for kind in (
        offsets.CompositeCustomBusinessDay,
        offsets.OrthodoxEaster,
        tase_holidays._HolidayOffset,
        tase_holidays._YomKippurEveObserved,
    ):
        kind._add_datetime = kind._apply
        kind._supports_daily_offset_mask = False
