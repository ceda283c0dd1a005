"""Parse texts as times: ISO 8601 or the mapping's formats, offsets, zone words and 24:00."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mtstore.ranges import US_PER_DAY
from mtstore.sources.custom.local_times import WallTimes, apply_zone_words
from mtstore.sources.custom.mapping.time_format import has_clock

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.sources.custom.mapping.column_mapping import ColumnMapping

_OFFSET: Final = r"\d[T ]\d{2}:?\d{2}.*(?:Z|z|[+-]\d{2}(?::?\d{2})?)$"
_BROKEN_OFFSET: Final = r":\d\d(?:\.\d+)?\s*[+-]\S*$"
_ZONE_WORD: Final = r"^(?P<wall>.*\d)\s+(?P<zone>(?:[A-Za-z]{2,6}|[A-Za-z_]+/[A-Za-z_/+\-0-9]+))$"
_MIDNIGHT: Final = r"^(?P<head>.*\D)24(?P<zeros>:?00(?::?00(?:\.0+)?)?)$"
_NOT_ZONES: Final = ("AM", "PM", "am", "pm")


def read_texts(column: pa.Array, mapping: ColumnMapping, day: date | None) -> WallTimes:
    """Read a column of text; `day` is the date of times of day."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(column).fill_null("")
    if pc.any(pc.match_substring(texts, "  ")).as_py():
        texts = pc.replace_substring_regex(texts, r"\s+", " ")
    formats: tuple[str, ...] = mapping.time_formats or ("ISO8601",)
    if day is not None:
        texts = pc.binary_join_element_wise(pa.scalar(day.isoformat()), texts, " ")
        formats = tuple(f"%Y-%m-%d {style}" for style in mapping.time_formats) or ("ISO8601",)
    takes_words = not mapping.time_formats or any("%Z" in style for style in formats)
    words = _zone_words(texts) if takes_words else None
    if words is not None:
        texts = pc.if_else(pa.array(words != ""), pc.replace_substring_regex(texts, _ZONE_WORD, r"\1"), texts)
        formats = tuple(style.replace("%Z", "").strip() for style in formats)
    has_offset = _have_offset(texts) if not mapping.time_formats else np.zeros(len(texts), bool)
    utc_formats = [style for style in formats if "%z" in style]
    is_zoned = bool(utc_formats) or (not mapping.time_formats and bool(has_offset.any()))
    parsed = _parse(texts, formats, utc=is_zoned)
    faults: dict[int, str] = {}
    if is_zoned and not mapping.time_formats:
        faults |= {
            at: f"ts_event: {str(texts[at])!r} is without a zone; others have one"
            for at in np.flatnonzero(~has_offset & ~parsed.isna()).tolist()
        }
    found = WallTimes(parsed.asi8.copy(), None, _are_dates(texts, mapping), faults)
    if parsed.isna().any():
        _mend_midnights(found, texts, formats, parsed.isna())
    expected = mapping.time_format or "ISO 8601, like 2024-01-31 09:30; else set time_format or time_unit"
    is_lost = found.wall == pd.NaT.value
    for at in np.flatnonzero(is_lost).tolist():
        found.wall[at] = 0
        text = str(column[at]).strip() if column[at].is_valid else ""
        faults[at] = f"ts_event: {text!r} is not a time ({expected})" if text else "ts_event: it has no value"
    if is_zoned:
        found.offset = _offsets(texts)
        found.wall = found.wall + found.offset.astype(np.int64)
    if words is not None:
        apply_zone_words(found, words, mapping)
    return found


def _parse(texts: pa.Array, formats: tuple[str, ...], *, utc: bool) -> Any:
    """Return a DatetimeIndex, NaT where no format fits."""
    import pandas as pd

    series = pd.Series(texts.to_pandas(), dtype=object)
    parsed: Any = None
    for style in formats:
        try:
            moments = pd.to_datetime(series, format=style, utc=utc, errors="coerce")
        except ValueError:
            # pandas takes a broken offset (-0) for one, and then rejects all rows because the others have none.
            whole = series.mask(series.str.contains(_BROKEN_OFFSET))
            moments = pd.to_datetime(whole, format=style, utc=utc, errors="coerce")
        parsed = moments if parsed is None else parsed.fillna(moments)
        if not parsed.isna().any():
            break
    index = pd.DatetimeIndex(parsed)
    return index.tz_localize(None).as_unit("us") if utc else index.as_unit("us")


def _mend_midnights(found: WallTimes, texts: pa.Array, formats: tuple[str, ...], is_lost: np.ndarray) -> None:
    """Read 24:00 as the midnight after its date."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_midnight = pc.match_substring_regex(texts, _MIDNIGHT).to_numpy(zero_copy_only=False) & is_lost
    rows = np.flatnonzero(is_midnight)
    if not len(rows):
        return
    mended = pc.replace_substring_regex(texts.take(pa.array(rows)), _MIDNIGHT, r"\1" + "00" + r"\2")
    parsed = _parse(mended, formats, utc=False)
    is_right = ~parsed.isna()
    found.wall[rows[is_right]] = parsed.asi8[is_right] + US_PER_DAY


def _are_dates(texts: pa.Array, mapping: ColumnMapping) -> np.ndarray:
    import pyarrow.compute as pc

    if mapping.time_formats:
        return np.full(len(texts), not any(has_clock(style) for style in mapping.time_formats))
    found: np.ndarray = pc.less_equal(pc.utf8_length(texts), 10).to_numpy(zero_copy_only=False)
    return found


def _have_offset(texts: pa.Array) -> np.ndarray:
    """Return whether each text ends in an offset or Z."""
    import pyarrow.compute as pc

    after_date = pc.utf8_slice_codeunits(texts, 10)
    if not any(pc.any(pc.match_substring(after_date, sign)).as_py() for sign in "+-Zz"):
        return np.zeros(len(texts), bool)
    found: np.ndarray = pc.match_substring_regex(texts, _OFFSET).to_numpy(zero_copy_only=False)
    return found


def _offsets(texts: pa.Array) -> np.ndarray:
    """Return the offsets that texts end in, in microseconds."""
    import pyarrow.compute as pc

    parts = pc.extract_regex(texts, r"(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?$")
    sign = pc.if_else(pc.equal(pc.struct_field(parts, "sign"), "-"), -1, 1).fill_null(0)
    hours = _whole(pc.struct_field(parts, "hours"))
    minutes = _whole(pc.struct_field(parts, "minutes"))
    signs: np.ndarray = sign.to_numpy(zero_copy_only=False)
    found: np.ndarray = (signs * (hours * 60 + minutes) * 60_000_000).astype(np.float64)
    return found


def _whole(texts: pa.Array) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = pc.if_else(pc.equal(pc.fill_null(texts, ""), ""), "0", texts).fill_null("0")
    found: np.ndarray = filled.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return found


def _zone_words(texts: pa.Array) -> np.ndarray | None:
    """Return the zone word that each text ends in, or an empty text; None if there are none."""
    import pyarrow.compute as pc

    # Most files have none, and a regular expression over all rows takes longer than parsing them.
    ends = pc.utf8_slice_codeunits(texts, -1).unique().to_pylist()
    if not any(end.isalpha() and end not in "Zz" for end in ends):
        return None
    zones = pc.struct_field(pc.extract_regex(texts, _ZONE_WORD), "zone")
    if zones.null_count == len(zones):
        return None
    words: np.ndarray = zones.fill_null("").to_numpy(zero_copy_only=False)
    words = np.where(np.isin(words, _NOT_ZONES), "", words)
    return words if (words != "").any() else None
