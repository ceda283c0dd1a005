"""Sessions of CME's product groups, which differ from those of equity indices (CMES), and of spot currencies.

The hours are those of Globex at present, for all years. US holidays are the half days of CMES, and Juneteenth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from mtstore.custom_calendars import CustomCalendar

BASE: Final = "CMES"
"""The calendar whose dates the groups share."""

MAINTENANCE_BREAK: Final = (time(16), time(17))
"""Globex halts daily in Chicago, within the library's session from 17:00 to 17:00."""

SPOT_CURRENCIES: Final = CustomCalendar("FOREX", "America/New_York", time(17), time(17))
"""Sunday 17:00 to Friday 17:00 in New York, labelled by the date of the close."""

_CHICAGO: Final = ZoneInfo("America/Chicago")
_PRESENT_HOLIDAYS_FROM: Final = date(2022, 1, 1)
_NOON: Final = time(12)


@dataclass(frozen=True, slots=True)
class ProductGroup:
    """The hours of a product group, in Chicago.

    Attributes
    ----------
    holiday_close
        The close on US holidays since 2022 (12:00 before); None if there is no session.
    short_close
        The close on the day after Thanksgiving and on 24 December.
    open, close
        The usual hours; an open at or after the close is on the evening before.
    pause
        Start and end of the daily break.
    open_after_thanksgiving
        The open on the day after Thanksgiving, whose evening before has no trading in groups that close on holidays.
    """

    holiday_close: time | None
    short_close: time
    open: time = time(17)
    close: time = time(17)
    pause: tuple[time, time] | None = MAINTENANCE_BREAK
    open_after_thanksgiving: time | None = None

    def sessions(self, name: str, base: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield rows of `session_schema()`: the sessions of `base`, CMES, with the hours of the group."""
        for row in base:
            day = row["session_date"]
            is_after_thanksgiving = row["is_half_day"] and day.month == 11 and day.weekday() == 4
            opened = self._instant(day, self.open, is_evening=self.open >= self.close)
            if is_after_thanksgiving and self.open_after_thanksgiving is not None:
                opened = self._instant(day, self.open_after_thanksgiving)
            early: time | None = None
            if is_after_thanksgiving or (row["is_half_day"] and (day.month, day.day) == (12, 24)):
                early = self.short_close
            elif row["is_half_day"] or _is_juneteenth(day):
                if self.holiday_close is None:
                    continue
                early = self.holiday_close if day >= _PRESENT_HOLIDAYS_FROM else _NOON
            closed = self._instant(day, self.close if early is None else early)
            pause = [self._instant(day, clock) for clock in self.pause or ()]
            has_pause = bool(pause) and opened < pause[0] < closed
            yield {
                "calendar": name,
                "session_date": day,
                "open_ts": opened,
                "close_ts": closed,
                "break_start_ts": pause[0] if has_pause else None,
                "break_end_ts": pause[1] if has_pause else None,
                "is_half_day": early not in (None, self.close),
            }

    @staticmethod
    def _instant(day: date, clock: time, *, is_evening: bool = False) -> datetime:
        return datetime.combine(day - timedelta(days=is_evening), clock, _CHICAGO).astimezone(UTC)


def _is_juneteenth(day: date) -> bool:
    """Return whether a date is Juneteenth as observed, a US holiday since 2022."""
    if day.year < 2022 or day.month != 6:
        return False
    observed = {5: 18, 6: 20}.get(date(day.year, 6, 19).weekday(), 19)
    return day.day == observed


_ENERGY_AND_METALS: Final = ProductGroup(holiday_close=time(13, 30), short_close=time(12, 45))

PRODUCT_GROUPS: Final[Mapping[str, ProductGroup]] = {
    "CME_FX": ProductGroup(holiday_close=time(17), short_close=time(12, 15)),
    "CME_RATES": ProductGroup(holiday_close=_NOON, short_close=time(12, 15)),
    "CME_ENERGY": _ENERGY_AND_METALS,
    "CME_METALS": _ENERGY_AND_METALS,
    "CME_GRAINS": ProductGroup(
        holiday_close=None,
        short_close=time(12, 5),
        open=time(19),
        close=time(13, 20),
        pause=(time(7, 45), time(8, 30)),
        open_after_thanksgiving=time(8, 30),
    ),
    "CME_LIVESTOCK": ProductGroup(
        holiday_close=None, short_close=time(12, 5), open=time(8, 30), close=time(13, 5), pause=None
    ),
}
"""The product groups by the name of their calendar; energy and metals have the same hours."""
