"""What an answer does to one partition: which files it touches, which rows stay, what was changed or withdrawn.

The files of a partition have disjoint ranges of `ts_event`. A change rewrites the files that its range meets and leaves
the others alone, so this stays true; a partition never holds more than `MAX_FILES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.bars import VALUE_COLUMNS
from mtstore.ranges import TimeRange
from mtstore.storage.files import data_file
from mtstore.storage.files.data_file import DataFile

if TYPE_CHECKING:
    import pyarrow as pa

MAX_FILES = 8


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The outcome for one partition: rows for one new file (None: no row is left, or nothing changed)."""

    bars: pa.Table | None
    retired: tuple[DataFile, ...]
    revisions: pa.Table | None


def merge(
    root: Path, current: Sequence[DataFile], bars: pa.Table, ranges: Sequence[TimeRange], *, replaces: bool
) -> MergeResult:
    """Lay new bars over the partition's current files (in time order).

    `ranges` are what the answer speaks for within this partition; if it `replaces`, stored rows inside them that `bars`
    lacks are withdrawn. Otherwise `bars` adds rows and overwrites those of the same `ts_event`.
    """
    met = _files_met(current, bars, ranges if replaces else ())
    if not met:
        if bars.num_rows == 0:
            return MergeResult(None, (), None)
        tail = _tail_to_merge(current, bars)
        old = data_file.read_bars(root, [file.path for file in tail])
        return MergeResult(_overlay(old, bars, ranges=())[0], tuple(tail), None)
    old = data_file.read_bars(root, [file.path for file in met])
    merged, revisions = _overlay(old, bars, ranges if replaces else ())
    if merged.num_rows == old.num_rows and revisions is None:
        return MergeResult(None, (), None)
    rest = [file for file in current if file not in met]
    if merged.num_rows and len(rest) + 1 > MAX_FILES:
        merged = _overlay(data_file.read_bars(root, [file.path for file in rest]), merged, ranges=())[0]
        met, rest = list(current), []
    return MergeResult(merged if merged.num_rows else None, tuple(met), revisions)


def _files_met(current: Sequence[DataFile], bars: pa.Table, replaced: Sequence[TimeRange]) -> list[DataFile]:
    """The files whose range meets the hull of what changes."""
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
    """Which neighbours a file beside the current ones takes in, so that their number stays bounded.

    Appended files are merged with the younger ones while those are not much larger, as in a log-structured tree: a year
    of daily updates rewrites each row a few times, not once a day.
    """
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
    """`old` with `new` laid over it, sorted and unique, and what that changed or withdrew."""
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
    if kept.num_rows and new.num_rows and old_ts[~gone][-1] > new_ts[0]:
        merged = merged.sort_by("ts_event")
    return merged, revisions


def _revisions(old: pa.Table, new: pa.Table, overwritten: Any) -> pa.Table | None:
    """Rows that were there and now differ (`changed`) or are there no more (`withdrawn`)."""
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
