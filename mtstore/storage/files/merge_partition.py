"""Merge new bars into one partition: which files are rewritten, which rows stay, what is revised.

The files of a partition have disjoint ranges of `ts_event`. A merge rewrites the files that its range overlaps, and
leaves the others unchanged, so they stay disjoint. A partition has at most `MAX_FILES` files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.bars import VALUE_COLUMNS
from mtstore.ranges import US_PER_DAY, TimeRange, from_us, midnight_us
from mtstore.storage.files import data_file
from mtstore.storage.files.data_file import DataFile

if TYPE_CHECKING:
    import pyarrow as pa

MAX_FILES = 8


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The outcome of a merge.

    Attributes
    ----------
    bars
        The rows of one new file; None if no row is left or nothing changed.
    retired
        The files that it replaces.
    revisions
        The stored rows that changed or were withdrawn; None if there are none.
    """

    bars: pa.Table | None
    retired: tuple[DataFile, ...]
    revisions: pa.Table | None


def merge(
    root: Path, current: Sequence[DataFile], bars: pa.Table, ranges: Sequence[TimeRange], *, replaces: bool
) -> MergeResult:
    """Merge new bars into the partition's current files (in time order).

    `bars` adds rows and overwrites those with the same `ts_event`. If it `replaces`, stored rows inside `ranges` that
    are missing in `bars` are withdrawn.
    """
    rewritten = _overlapping_files(current, bars, ranges if replaces else ())
    if not rewritten:
        if bars.num_rows == 0:
            return MergeResult(None, (), None)
        tail = _tail_to_merge(current, bars)
        old = data_file.read_bars(root, [file.path for file in tail])
        return MergeResult(_overlay(old, bars, ranges=())[0], tuple(tail), None)
    old = data_file.read_bars(root, [file.path for file in rewritten])
    merged, revisions = _overlay(old, bars, ranges if replaces else ())
    if merged.num_rows == old.num_rows and revisions is None:
        return MergeResult(None, (), None)
    rest = [file for file in current if file not in rewritten]
    if merged.num_rows and len(rest) + 1 > MAX_FILES:
        merged = _overlay(data_file.read_bars(root, [file.path for file in rest]), merged, ranges=())[0]
        rewritten, rest = list(current), []
    return MergeResult(merged if merged.num_rows else None, tuple(rewritten), revisions)


def _overlapping_files(current: Sequence[DataFile], bars: pa.Table, replaced: Sequence[TimeRange]) -> list[DataFile]:
    """Return the files whose range overlaps the hull of the change."""
    lows = [bounds.start_us for bounds in replaced]
    highs = [bounds.end_us for bounds in replaced]
    if bars.num_rows:
        stamps = bars["ts_event"].cast("int64")
        lows.append(stamps[0].as_py())
        highs.append(stamps[-1].as_py() + 1)
    if not lows:
        return []
    hull = TimeRange(min(lows), max(highs))
    return [file for file in current if TimeRange(file.ts_min_us, file.ts_max_us + 1).overlaps(hull)]


def _tail_to_merge(current: Sequence[DataFile], bars: pa.Table) -> list[DataFile]:
    """Return the neighbours that an added file is merged with, so that their number stays bounded."""
    # As in a log-structured tree, an appended file is merged with the younger ones while those are not much larger: a
    # year of daily updates rewrites each row a few times, not once a day.
    if len(current) < MAX_FILES:
        return []
    first = bars["ts_event"].cast("int64")[0].as_py()
    if first < current[-1].ts_max_us:
        return list(current)
    rows = bars.num_rows
    tail: list[DataFile] = []
    for file in reversed(current):
        if tail and file.row_count > 2 * rows:
            break
        tail.append(file)
        rows += file.row_count
    return tail


def _overlay(old: pa.Table, new: pa.Table, ranges: Sequence[TimeRange]) -> tuple[pa.Table, pa.Table | None]:
    """Return `old` overwritten by `new`, sorted and unique, and the revisions."""
    import numpy as np
    import pyarrow as pa

    if old.num_rows == 0:
        return new, None
    old_ts = old["ts_event"].cast("int64").to_numpy()
    new_ts = new["ts_event"].cast("int64").to_numpy()
    overwritten = np.isin(old_ts, new_ts, assume_unique=True)
    gone = overwritten.copy()
    for bounds in ranges:
        gone |= (old_ts >= bounds.start_us) & (old_ts < bounds.end_us)
    revisions = _revisions(old.filter(pa.array(gone)), new, overwritten[gone])
    kept = old.filter(pa.array(~gone))
    merged = pa.concat_tables([kept, new])
    # Appended bars, the usual case, need no sorting.
    if kept.num_rows and new.num_rows and old_ts[~gone][-1] > new_ts[0]:
        merged = merged.sort_by("ts_event")
    return merged, revisions


def _revisions(old: pa.Table, new: pa.Table, overwritten: Any) -> pa.Table | None:
    """Return the stored rows that now differ (`changed`) or are gone (`withdrawn`)."""
    import numpy as np
    import pyarrow as pa

    if old.num_rows == 0:
        return None
    places = np.searchsorted(new["ts_event"].cast("int64").to_numpy(), old["ts_event"].cast("int64").to_numpy())
    successors = new.take(pa.array(places, mask=~overwritten))
    differs = ~overwritten
    for name in VALUE_COLUMNS:
        differs |= _differs(old[name], successors[name])
    if not differs.any():
        return None
    rows = pa.array(differs)
    kinds = pa.array(np.where(overwritten, "changed", "withdrawn"), pa.string())
    columns = {"ts_event": old["ts_event"], "kind": kinds}
    columns |= {f"old_{name}": old[name] for name in VALUE_COLUMNS}
    columns |= {f"new_{name}": successors[name] for name in VALUE_COLUMNS}
    return pa.table(columns).filter(rows)


def _differs(left: pa.ChunkedArray, right: pa.ChunkedArray) -> Any:
    import pyarrow.compute as pc

    unequal = pc.fill_null(pc.not_equal(left, right), False)
    return pc.or_(unequal, pc.xor(pc.is_null(left), pc.is_null(right))).to_numpy()


def split_by_year(bars: pa.Table, ranges: Sequence[TimeRange]) -> Iterator[tuple[int, pa.Table, tuple[TimeRange, ...]]]:
    """Split sorted bars and ranges at UTC years, the bounds of partitions: yield (year, bars, ranges)."""
    import numpy as np

    stamps = bars["ts_event"].cast("int64").to_numpy()
    spans = [(bounds.start_us, bounds.end_us - 1) for bounds in ranges]
    if len(stamps):
        spans.append((int(stamps[0]), int(stamps[-1])))
    years = {year for first, last in spans for year in range(from_us(first).year, from_us(last).year + 1)}
    for year in sorted(years):
        whole = year_range(year)
        first, last = np.searchsorted(stamps, [whole.start_us, whole.end_us])
        inside = tuple(
            TimeRange(max(bounds.start_us, whole.start_us), min(bounds.end_us, whole.end_us))
            for bounds in ranges
            if bounds.overlaps(whole)
        )
        yield year, bars.slice(first, last - first), inside


def year_range(year: int) -> TimeRange:
    """Return a UTC year as a range."""
    # By its last day: no date exists in the year after the last one.
    return TimeRange(midnight_us(date(year, 1, 1)), midnight_us(date(year, 12, 31)) + US_PER_DAY)
