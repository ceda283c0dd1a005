"""Parse columns of custom files as instants and numbers; errors name the row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mtstore.errors import BrokenFileError
from mtstore.ranges import US_PER_DAY
from mtstore.sources.bar_grid import midnights_us

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mtstore.sources.custom.column_mapping import ColumnMapping

_US_PER_UNIT = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}
_OFFSET = r"\d[T ]\d{2}:?\d{2}.*(?:Z|z|[+-]\d{2}(?::?\d{2})?)$"
# Bars outside of these years come from a wrong unit.
_EARLIEST_US, _LATEST_US = -70 * 366 * US_PER_DAY, 131 * 365 * US_PER_DAY

Place = Callable[[int], str]
"""Return the place of a row of the chunk: `mine.csv, row 17`."""


def to_instants(column: pa.Array, mapping: ColumnMapping, place: Place) -> np.ndarray:
    """Return the bars' opens in microseconds since the epoch, UTC.

    `column` has timestamps, dates, numbers (`mapping.time_unit`) or text. Daily bars open at the midnight of their day
    in `mapping.tz`.

    Raises
    ------
    BrokenFileError
        A row has no time, or one that cannot be read, that its zone does not have or has twice, or that is before 1900
        or after 2100.
    """
    import pyarrow as pa

    name = mapping.theirs("ts_event")
    _check_no_null(column, name, place)
    kind = column.type
    if pa.types.is_timestamp(kind):
        stamps = _from_timestamps(column, mapping, place)
    elif pa.types.is_date(kind):
        days = column.cast(pa.date32()).cast(pa.int32()).to_numpy(zero_copy_only=False).astype(np.int64)
        stamps = _localize((days * US_PER_DAY).view("datetime64[us]"), mapping, place)
    elif mapping.time_unit is not None:
        stamps = _from_numbers(column, mapping, place)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        raise BrokenFileError(f"{place(0)}: {name!r} holds numbers; set time_unit to ns, us, ms or s")
    else:
        stamps = _from_text(to_text(column, name, place), mapping, place)
    is_wild = (stamps < _EARLIEST_US) | (stamps > _LATEST_US)
    if is_wild.any():
        at = int(np.flatnonzero(is_wild)[0])
        raise BrokenFileError(f"{place(at)}: {name!r} is {column[at]}, not the time of a bar; check time_unit")
    return _to_opens(stamps, mapping)


def to_numbers(column: pa.Array, name: str, kind: pa.DataType, mapping: ColumnMapping, place: Place) -> pa.Array:
    """Return a column as float64 or int64; text is parsed as decimal numbers, `mapping.null_values` are NULL."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if _is_text(column.type):
        column = to_text(column, name, place)
        column = pc.utf8_trim_whitespace(column)
        is_null = pc.is_in(column, value_set=pa.array(mapping.null_values, pa.string()))
        column = pc.if_else(is_null, pa.scalar(None, pa.string()), column)
    elif pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type) or pa.types.is_nested(column.type):
        raise BrokenFileError(f"{place(0)}: {name!r} holds {column.type}, not numbers")
    try:
        if pa.types.is_decimal(column.type):
            return column.cast(pa.float64()).cast(kind)
        # Whole numbers too large to be exact as float64 are rounded, as those in text are.
        return column.cast(kind, safe=not pa.types.is_integer(column.type) or not pa.types.is_floating(kind))
    except pa.ArrowInvalid as error:
        at = _first_that_fails(column, kind)
        raise BrokenFileError(f"{place(at)}: {name!r} is {column[at]}, not a {_WORDS[str(kind)]}") from error


def to_text(column: pa.Array, name: str, place: Place) -> pa.Array:
    """Return a text column of any type as plain strings."""
    import pyarrow as pa

    if not _is_text(column.type):
        raise BrokenFileError(f"{place(0)}: {name!r} holds {column.type}, not text")
    return column.cast(pa.string())


_WORDS = {"double": "number", "int64": "whole number"}


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _check_no_null(column: pa.Array, name: str, place: Place) -> None:
    if column.null_count:
        at = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise BrokenFileError(f"{place(at)}: {name!r} has no value")


def _from_timestamps(column: pa.Array, mapping: ColumnMapping, place: Place) -> np.ndarray:
    import pyarrow as pa

    zone = column.type.tz
    # Bars open on whole microseconds.
    moments = column.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return moments if zone is not None else _localize(moments.view("datetime64[us]"), mapping, place)


def _from_numbers(column: pa.Array, mapping: ColumnMapping, place: Place) -> np.ndarray:
    name, scale = mapping.theirs("ts_event"), _US_PER_UNIT[mapping.time_unit or "us"]
    values = _plain_numbers(column, name, mapping, place)
    if values.dtype.kind == "i":
        # Integers stay integers, because nanoseconds do not fit into a double. Values that overflow are not times.
        edge = int(2**62 / max(scale, 1.0))
        whole: np.ndarray = values // 1_000 if scale < 1 else np.clip(values, -edge, edge) * int(scale)
        return whole
    is_wild = ~np.isfinite(values)
    if is_wild.any():
        at = int(np.flatnonzero(is_wild)[0])
        raise BrokenFileError(f"{place(at)}: {name!r} is {column[at]}, not a time")
    scaled: np.ndarray = np.rint(np.clip(values * scale, -(2.0**62), 2.0**62)).astype(np.int64)
    return scaled


def _plain_numbers(column: pa.Array, name: str, mapping: ColumnMapping, place: Place) -> np.ndarray:
    """Return numbers as int64 if all are whole, else as float64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_whole = pa.types.is_integer(column.type)
    if _is_text(column.type):
        texts = to_text(column, name, place)
        is_whole = bool(pc.all(pc.match_substring_regex(texts, r"^\s*-?\d{1,19}\s*$")).as_py())
    numbers = to_numbers(column, name, pa.int64() if is_whole else pa.float64(), mapping, place)
    _check_no_null(numbers, name, place)
    values: np.ndarray = numbers.to_numpy(zero_copy_only=False)
    return values


def _from_text(column: pa.Array, mapping: ColumnMapping, place: Place) -> np.ndarray:
    import pandas as pd
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(column)
    style = mapping.time_formats[0] if mapping.time_formats else "ISO8601"
    has_zone = pc.match_substring_regex(texts, _OFFSET).to_numpy(zero_copy_only=False)
    is_zoned = "%z" in style if mapping.time_format else bool(has_zone.any())
    if not mapping.time_format and is_zoned and not has_zone.all():
        at = int(np.flatnonzero(~has_zone)[0])
        raise BrokenFileError(
            f"{place(at)}: {mapping.theirs('ts_event')!r} is {texts[at]}, without a zone; others have one"
        )
    parsed = pd.to_datetime(pd.Series(texts.to_pandas(), dtype=object), format=style, utc=is_zoned, errors="coerce")
    if parsed.isna().any():
        at = int(np.flatnonzero(parsed.isna())[0])
        expected = mapping.time_format or "ISO 8601, like 2024-01-31 09:30; else set time_format or time_unit"
        raise BrokenFileError(
            f"{place(at)}: {mapping.theirs('ts_event')!r} is {str(texts[at])!r}, not a time ({expected})"
        )
    moments = pd.DatetimeIndex(parsed).as_unit("us")
    if is_zoned:
        return moments.asi8.copy()
    return _localize(moments.to_numpy(), mapping, place)


def _localize(wall: np.ndarray, mapping: ColumnMapping, place: Place) -> np.ndarray:
    """Return wall times of the mapping's zone as instants; each must exist exactly once."""
    import pandas as pd

    zone = mapping.zone
    index = pd.DatetimeIndex(wall)
    localized = _localize_or_nat(index, zone)
    is_lost = localized.isna()
    if is_lost.any():
        at = int(np.flatnonzero(is_lost)[0])
        raise BrokenFileError(
            f"{place(at)}: {index[at]} is a wall time that {mapping.tz} does not have or has twice "
            "(clocks change); give times in UTC or with an offset"
        )
    return localized.as_unit("us").asi8.copy()


def _localize_or_nat(index: pd.DatetimeIndex, zone: Any) -> pd.DatetimeIndex:
    return index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")


def _to_opens(stamps: np.ndarray, mapping: ColumnMapping) -> np.ndarray:
    if not mapping.is_daily:
        return stamps - mapping.width_us if mapping.stamp == "close" else stamps
    # A day's close may be its last moment or the midnight after it: both belong to the day before the next moment.
    return midnights_us(stamps - 1 if mapping.stamp == "close" else stamps, mapping.day_tz)


def _first_that_fails(column: pa.Array, kind: pa.DataType) -> int:
    """Return the position of the first element that cannot be cast, by bisection."""
    import pyarrow as pa

    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            column.slice(low, middle - low).cast(kind)
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return low
