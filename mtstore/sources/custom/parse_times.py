"""Parse columns of times as the opens of bars: instants, wall times, dates, numbers and text."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mtstore.errors import BrokenFileError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, midnight_us
from mtstore.sources.custom.local_times import Instants, WallTimes, apply_zone_words, localize
from mtstore.sources.custom.parse_numbers import is_text_type, read_numbers
from mtstore.sources.custom.text_times import read_texts

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.sources.custom.mapping.column_mapping import ColumnMapping

_US_PER_UNIT: Final = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}
# Bars outside of these years come from a wrong unit.
_EARLIEST_US, _LATEST_US = -70 * 366 * US_PER_DAY, 131 * 365 * US_PER_DAY
_YEAR_1970_US = 365 * US_PER_DAY


def read_times(
    column: pa.Array, mapping: ColumnMapping, *, day: date | None, zones: pa.Array | None, groups: np.ndarray | None
) -> Instants:
    """Return the bars' opens; rows without a usable time are `faults`.

    Parameters
    ----------
    column
        Timestamps, dates, numbers (`mapping.time_unit`) or text.
    day
        The date in the file's name, to which times of day are added.
    zones
        A zone word per row, or None.
    groups
        The number of each row's ticker, or None for one ticker.

    Raises
    ------
    BrokenFileError
        The unit of numbers is not known, or all of them are in 1970.
    """
    times = _read(column, mapping, day)
    if zones is not None:
        words = zones.fill_null("").to_numpy(zero_copy_only=False)
        times.faults |= dict.fromkeys(np.flatnonzero(words == "").tolist(), "tz: it has no value")
        apply_zone_words(times, words, mapping)
    found = _opens_of_days(times, mapping) if mapping.is_daily else _opens(times, mapping, groups)
    found.faults = {**found.faults, **times.faults}
    found.is_naive = times.offset is None
    is_wild = (found.us < _EARLIEST_US) | (found.us > _LATEST_US)
    for at in np.flatnonzero(is_wild).tolist():
        found.us[at] = 0
        found.faults.setdefault(at, f"ts_event: {column[at]} is not the time of a bar; check time_unit")
    return found


def _read(column: pa.Array, mapping: ColumnMapping, day: date | None) -> WallTimes:
    import pyarrow as pa

    kind = column.type
    if mapping.time_formats and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        column = column.cast(pa.int64(), safe=False).cast(pa.string())  # dates written as numbers
        kind = column.type
    if is_text_type(kind) and mapping.time_unit is None:
        return read_texts(column.cast(pa.string()), mapping, day)
    missing = dict.fromkeys(
        np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist(), "ts_event: it has no value"
    )
    if pa.types.is_timestamp(kind):
        # Bars open on whole microseconds.
        moments = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64()).fill_null(0)
        values = moments.to_numpy(zero_copy_only=False).copy()
        if kind.tz is None:
            return WallTimes(values, None, False, missing)
        offset = _offsets(values, kind.tz)
        return WallTimes(values + offset, offset.astype(np.float64), False, missing)
    if pa.types.is_date(kind):
        days = column.cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)
        return WallTimes(days.astype(np.int64) * US_PER_DAY, None, True, missing)
    if mapping.time_unit is None:
        raise BrokenFileError(
            f"{mapping.theirs('ts_event')!r} holds {'numbers' if not pa.types.is_time(kind) else kind}; set time_unit "
            "to ns, us, ms, s or auto, or time_format ('%Y%m%d') for dates written as numbers"
        )
    values, faults = _from_numbers(column, mapping, day)
    if day is not None:
        midnight = midnight_us(day)
        return WallTimes(values + midnight, None, False, missing | faults)
    return WallTimes(values, np.zeros(len(values)), False, missing | faults)


def _offsets(instants: np.ndarray, zone: str) -> np.ndarray:
    import pandas as pd

    if zone == "UTC":
        return np.zeros(len(instants), np.int64)
    local = pd.DatetimeIndex(instants.view("datetime64[us]"), tz="UTC").tz_convert(zone).tz_localize(None)
    found: np.ndarray = local.as_unit("us").asi8 - instants
    return found


def _from_numbers(column: pa.Array, mapping: ColumnMapping, day: date | None) -> tuple[np.ndarray, dict[int, str]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = read_numbers(column, mapping.theirs("ts_event"), mapping)
    values, is_bad = numbers.values, numbers.is_bad | ~np.isfinite(numbers.values)
    unit = mapping.time_unit or "us"
    usable = np.abs(values[~is_bad])
    if unit == "auto":
        largest = float(np.median(usable)) if len(usable) else 0.0
        unit = "s" if largest < 1e11 else "ms" if largest < 1e14 else "us" if largest < 1e17 else "ns"
    scale = _US_PER_UNIT[unit]
    stamps = np.rint(np.clip(np.where(is_bad, 0, values) * scale, -(2.0**62), 2.0**62)).astype(np.int64)
    if unit in ("ns", "us") and not is_bad.any() and not pa.types.is_floating(column.type):
        # Nanoseconds do not fit into a double, so whole numbers are read as such.
        whole = pc.utf8_trim_whitespace(column.cast(pa.string())) if is_text_type(column.type) else column
        try:
            exact = whole.cast(pa.int64()).to_numpy(zero_copy_only=False)
            stamps = exact // 1_000 if unit == "ns" else exact.copy()
        except pa.ArrowInvalid:
            pass
    if day is None and len(usable) and bool(((stamps >= 0) & (stamps < _YEAR_1970_US))[~is_bad].all()):
        first = column[int(np.flatnonzero(~is_bad)[0])]
        number = int(float(str(first)))
        when = np.datetime64(int(stamps[~is_bad][0]), "us").item()
        is_date_number = 19_000_101 <= number <= 21_001_231
        is_clock = bool((usable * scale < US_PER_DAY).all())
        hint = (
            "a date written as a number needs time_format: '%Y%m%d'"
            if is_date_number
            else "is this the time of the day, with the date in the file's name? (ticker_from with (?P<date>…))"
            if is_clock
            else "check time_unit"
        )
        raise BrokenFileError(f"{first} counted in {unit} is {when:%Y-%m-%d %H:%M}; {hint}")
    faults = {at: f"ts_event: {column[at]} is not a time" for at in np.flatnonzero(is_bad).tolist()}
    return stamps, faults


def _opens(times: WallTimes, mapping: ColumnMapping, groups: np.ndarray | None) -> Instants:
    is_naive = np.ones(len(times.wall), bool) if times.offset is None else np.isnan(times.offset)
    if times.offset is not None and not is_naive.any():
        found = Instants(times.wall - times.offset.astype(np.int64))
    else:
        usable = np.ones(len(times.wall), bool)
        usable[list(times.faults)] = False
        rows = np.flatnonzero(is_naive & usable)
        local = localize(
            times.wall[rows],
            mapping.zone,
            mapping.ambiguous,
            mapping.nonexistent,
            None if groups is None else groups[rows],
        )
        us = times.wall.copy() if times.offset is None else times.wall - np.nan_to_num(times.offset).astype(np.int64)
        us[rows] = local.us
        found = Instants(us, {int(rows[at]): reason for at, reason in local.faults.items()}, local.ends_open)
    if mapping.stamp == "close":
        found.us = _whole_closes(found.us, mapping.width_us) - mapping.width_us
    return found


def _whole_closes(stamps: np.ndarray, width_us: int) -> np.ndarray:
    """Return closes of which a bar's last moment (…59.999, …59) is the end of the bar."""
    second_part = stamps % US_PER_SECOND
    whole = np.where(second_part >= 999_000, stamps - second_part + US_PER_SECOND, stamps)
    if width_us % (60 * US_PER_SECOND) == 0:
        whole = np.where(whole % (60 * US_PER_SECOND) == 59 * US_PER_SECOND, whole + US_PER_SECOND, whole)
    return whole


def _opens_of_days(times: WallTimes, mapping: ColumnMapping) -> Instants:
    """Return the midnights of the bars' dates: those of the value's own zone, or else of the mapping's."""
    import pandas as pd

    zone: Any = mapping.zone
    wall = times.wall
    if times.offset is not None:
        is_zoned = ~np.isnan(times.offset)
        # Times in UTC are instants of an unknown place, so their date is that of the mapping's zone.
        if not np.nan_to_num(times.offset).any():
            moments = pd.DatetimeIndex(wall.view("datetime64[us]"), tz="UTC").tz_convert(zone).tz_localize(None)
            wall = np.where(is_zoned, moments.as_unit("us").asi8, wall)
    if mapping.stamp == "close":
        # A day's close may be its last moment or the midnight after it; a date alone is the bar's date.
        wall = np.where(times.is_date, wall, wall - 1)
    midnights = pd.DatetimeIndex((wall // US_PER_DAY * US_PER_DAY).view("datetime64[us]"))
    place: Any = mapping.day_tz
    opens = midnights.tz_localize(place, ambiguous=np.ones(len(wall), bool), nonexistent="shift_forward")
    return Instants(opens.as_unit("us").asi8.copy())
