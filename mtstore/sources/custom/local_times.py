"""Turn wall times into instants: times that occur twice or never when clocks change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np

from mtstore.errors import BrokenFileError
from mtstore.ranges import US_PER_DAY
from mtstore.sources.custom.mapping.zones import zone_of_word

if TYPE_CHECKING:
    from mtstore.sources.custom.mapping.column_mapping import ColumnMapping


@dataclass(slots=True)
class Instants:
    """Instants in microseconds since the epoch; `faults` has the reason of each row that has none.

    `ends_open`: the last row occurs twice, so that the order of later rows may be needed to tell which it is.
    `is_naive`: the values had no zone of their own.
    """

    us: np.ndarray
    faults: dict[int, str] = field(default_factory=dict)
    ends_open: bool = False
    is_naive: bool = False


@dataclass(slots=True)
class WallTimes:
    """Wall times in microseconds before their zone is known.

    `offset` (microseconds) leads to UTC and is NaN for rows without one; None: no row has one. `is_date` marks dates
    without a time of day, `faults` has the reason of each row that cannot be read.
    """

    wall: np.ndarray
    offset: np.ndarray | None
    is_date: np.ndarray | bool
    faults: dict[int, str] = field(default_factory=dict)


def apply_zone_words(times: WallTimes, words: np.ndarray, mapping: ColumnMapping) -> None:
    """Set the offsets of rows that have a zone word of their own; an empty text is none."""
    offset = np.full(len(words), np.nan) if times.offset is None else times.offset
    is_usable = ~np.isin(np.arange(len(words)), list(times.faults))
    for word in sorted(set(words.tolist()) - {""}):
        rows = np.flatnonzero((words == word) & is_usable)
        zone = zone_of_word(word, mapping.zone_name)
        if zone is None:
            times.faults |= dict.fromkeys(rows.tolist(), f"ts_event: {word!r} is not a known zone")
            continue
        local = localize(times.wall[rows], zone, mapping.ambiguous, mapping.nonexistent, None)
        offset[rows] = times.wall[rows] - local.us
        times.faults |= {int(rows[at]): reason for at, reason in local.faults.items()}
    times.offset = offset


def localize(wall: np.ndarray, zone: tzinfo, ambiguous: str, nonexistent: str, groups: np.ndarray | None) -> Instants:
    """Return the instants of wall times (microseconds) of a zone.

    `groups` has a number per row: rows of one group are in order of time (or all in reverse).
    """
    import pandas as pd

    if zone is UTC or str(zone) == "UTC":
        return Instants(wall)
    place: Any = zone
    index = pd.DatetimeIndex(wall.view("datetime64[us]"))
    found = index.tz_localize(place, ambiguous="NaT", nonexistent="NaT").as_unit("us")
    is_lost = found.isna()
    instants = Instants(found.asi8.copy())
    if not is_lost.any():
        return instants
    lost = np.flatnonzero(is_lost)
    there = index[lost].tz_localize(place, ambiguous=np.ones(len(lost), bool), nonexistent="NaT")
    is_skipped = np.asarray(there.isna(), dtype=bool)
    skipped, twice = lost[is_skipped], lost[~is_skipped]
    if len(skipped):
        _mend_skipped(instants, index, skipped, place, nonexistent)
    if len(twice):
        _mend_twice(instants, index, twice, place, rule=ambiguous, groups=groups)
        instants.ends_open = ambiguous == "infer" and int(twice[-1]) == len(wall) - 1
    return instants


def _mend_skipped(instants: Instants, index: Any, rows: np.ndarray, zone: Any, rule: str) -> None:
    if rule == "shift":
        # As with the offset before the change: 02:30 is 03:30.
        before = index[rows] - np.timedelta64(1, "D")
        same = before.tz_localize(zone, ambiguous=np.ones(len(rows), bool), nonexistent="shift_forward").as_unit("us")
        instants.us[rows] = same.asi8 + US_PER_DAY
        return
    _report(instants, index, rows, f"does not exist in {zone} (clocks change)", key="nonexistent", rule=rule)


def _mend_twice(
    instants: Instants, index: Any, rows: np.ndarray, zone: Any, *, rule: str, groups: np.ndarray | None
) -> None:
    is_first = np.full(len(rows), rule == "first")
    is_known = np.full(len(rows), rule in ("first", "last"))
    if rule == "infer":
        is_first, is_known = _infer(index.asi8, rows, groups)
    known = rows[is_known]
    instants.us[known] = index[known].tz_localize(zone, ambiguous=is_first[is_known]).as_unit("us").asi8
    if not is_known.all():
        _report(instants, index, rows[~is_known], f"occurs twice in {zone} (clocks change)", key="ambiguous", rule=rule)


def _infer(wall: np.ndarray, rows: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Tell first from second occurrences by the one place where the clock goes back in the order of rows."""
    is_first, is_known = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    step = 1 if len(wall) < 2 or wall[-1] >= wall[0] else -1
    codes = np.zeros(len(rows), np.int64) if groups is None else groups[rows]
    keys = np.stack([codes, wall[rows] // (US_PER_DAY if len(wall) else 1)], axis=1)
    for key in np.unique(keys, axis=0):
        places = np.flatnonzero((keys == key).all(axis=1))[::step]
        back = np.flatnonzero(np.diff(wall[rows[places]]) <= 0)
        if len(back) == 1:
            is_known[places] = True
            is_first[places[: back[0] + 1]] = True
    return is_first, is_known


def _report(instants: Instants, index: Any, rows: np.ndarray, what: str, *, key: str, rule: str) -> None:
    for at in rows.tolist():
        sentence = f"ts_event: {index[at]} {what}"
        if rule == "raise":
            raise BrokenFileError(f"{sentence}; set {key}, or give times in UTC or with an offset")
        instants.us[at] = 0
        instants.faults[at] = sentence
