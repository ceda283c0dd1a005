"""Answers laid over a partition, against a dictionary that does the same in the plainest way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtstore.ranges import TimeRange
from mtstore.storage import durable_io
from mtstore.storage.files import data_file
from mtstore.storage.files.data_file import DataFile, Provenance
from mtstore.storage.files.merge_partition import MAX_FILES, MergeResult, merge
from mtstore.storage.layout import Partition
from tests.kits.stores import MINUTE, START, minute_bars, minutes

PARTITION = Partition("ohlcv-1m", "polygon", "A", 2024)
PROVENANCE = Provenance("polygon", None, "run", {}, ())
LAST = 60

Closes = dict[int, float | None]


@dataclass
class Folder:
    """A partition on disk, changed as the writer changes it."""

    root: Path
    files: list[DataFile]

    def lay(self, closes: Mapping[int, float | None], ranges: tuple[TimeRange, ...], *, replaces: bool) -> MergeResult:
        outcome = merge(self.root, self.files, minute_bars(closes), ranges, replaces=replaces)
        kept = [file for file in self.files if file not in outcome.retired]
        if outcome.bars is not None:
            (self.root / PARTITION.folder).mkdir(parents=True, exist_ok=True)
            folder = self.root / PARTITION.folder
            kept.append(
                data_file.write(outcome.bars, PARTITION, folder, day_tz="UTC", written_at_us=0, provenance=PROVENANCE)
            )
        self.files = sorted(kept, key=lambda file: file.ts_min_us)
        return outcome

    def closes(self) -> Closes:
        table = data_file.read_bars(self.root, [file.path for file in self.files])
        return closes_in(table["ts_event"], table["vwap"])


def closes_in(stamps: pa.ChunkedArray, values: pa.ChunkedArray) -> Closes:
    numbers = [(stamp - START) // MINUTE for stamp in stamps.cast("int64").to_pylist()]
    assert numbers == sorted(set(numbers)), "sorted and unique"
    return dict(zip(numbers, values.to_pylist(), strict=True))


@contextmanager
def folder() -> Iterator[Folder]:
    with tempfile.TemporaryDirectory() as path:
        yield Folder(Path(path), [])


@st.composite
def changes(draw: st.DrawFn) -> tuple[Closes, tuple[TimeRange, ...], bool]:
    """Bars within some ranges, or beside them where the answer is partial, and whether it replaces."""
    edges = sorted(draw(st.sets(st.integers(0, LAST), min_size=2, max_size=6)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    replaces = draw(st.booleans())
    inside = [number for low, high in pairs for number in range(low, high)]
    places = inside if replaces else list(range(LAST))
    numbers = draw(st.sets(st.sampled_from(places), max_size=12))
    values = st.sampled_from([1.0, 2.0, None])
    return {number: draw(values) for number in numbers}, tuple(minutes(*pair) for pair in pairs), replaces


def model_of(before: Closes, closes: Closes, ranges: tuple[TimeRange, ...], *, replaces: bool) -> Closes:
    kept = {
        number: value
        for number, value in before.items()
        if not (replaces and any(bounds.overlaps(minutes(number, number + 1)) for bounds in ranges))
    }
    return dict(sorted({**kept, **closes}.items()))


@pytest.fixture(autouse=True, scope="module")
def no_fsync() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(durable_io, "fsync_file", lambda path: None)
    yield
    patch.undo()


@given(st.lists(changes(), min_size=1, max_size=14))
@settings(max_examples=120, deadline=None)
def test_any_sequence_of_answers_leaves_what_the_model_says(
    answers: list[tuple[Closes, tuple[TimeRange, ...], bool]],
) -> None:
    with folder() as partition:
        model: Closes = {}
        for closes, ranges, replaces in answers:
            before, files = dict(model), [file.file_id for file in partition.files]
            model = model_of(model, closes, ranges, replaces=replaces)
            outcome = partition.lay(closes, ranges, replaces=replaces)
            assert partition.closes() == model
            check_files(partition.files)
            check_revisions(outcome.revisions, before, model)
            if model == before:
                assert [file.file_id for file in partition.files] == files, "an unchanged answer writes no file"


def check_files(files: list[DataFile]) -> None:
    assert len(files) <= MAX_FILES
    spans = [(file.ts_min_us, file.ts_max_us) for file in files]
    assert all(one[1] < other[0] for one, other in pairwise(spans)), "ranges are disjoint"


def check_revisions(revisions: pa.Table | None, before: Closes, after: Closes) -> None:
    found: dict[int, tuple[str, Any, Any]] = {}
    for row in revisions.to_pylist() if revisions is not None else ():
        number = int(row["ts_event"].timestamp() * 1_000_000 - START) // MINUTE
        assert number not in found
        found[number] = (row["kind"], row["old_vwap"], row["new_vwap"])
    expected = {
        number: ("changed" if number in after else "withdrawn", value, after.get(number))
        for number, value in before.items()
        if number not in after or after[number] != value
    }
    assert found == expected


def test_a_year_of_daily_additions_rewrites_each_row_a_few_times_only() -> None:
    with folder() as partition:
        written = 0
        for day in range(250):
            outcome = partition.lay(
                dict.fromkeys(range(day * 10, day * 10 + 10), 1.0), (minutes(day * 10, day * 10 + 10),), replaces=True
            )
            assert outcome.bars is not None
            written += outcome.bars.num_rows
            check_files(partition.files)
        assert len(partition.closes()) == 2_500
        assert written < 8 * 2_500


def test_files_that_an_answer_does_not_meet_are_left_alone() -> None:
    with folder() as partition:
        for start in (0, 20, 40):
            partition.lay({start: 1.0, start + 5: 1.0}, (minutes(start, start + 10),), replaces=True)
        first, middle, last = partition.files
        outcome = partition.lay({22: 7.0}, (minutes(20, 30),), replaces=True)
        assert outcome.retired == (middle,)
        assert first in partition.files
        assert last in partition.files


def test_a_range_that_withdraws_every_row_of_a_file_leaves_no_file() -> None:
    with folder() as partition:
        partition.lay({1: 1.0, 2: 2.0}, (minutes(0, 5),), replaces=True)
        outcome = partition.lay({}, (minutes(0, 5),), replaces=True)
        assert outcome.bars is None
        assert partition.files == []
        assert outcome.revisions is not None
        assert set(outcome.revisions["kind"].to_pylist()) == {"withdrawn"}
