"""Data files: what they say about themselves, and that nobody can change them."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtstore.bars import arrow_schema
from mtstore.errors import StoreError
from mtstore.ranges import TimeRange
from mtstore.storage.files import data_file
from mtstore.storage.files.data_file import DataFile, Provenance
from mtstore.storage.layout import Partition
from tests.kits.stores import START, minute_bars

PARTITION = Partition("ohlcv-1m", "polygon", "BTC/USD", 2024)
PROVENANCE = Provenance(
    provider="polygon",
    dataset=None,
    run_id="run",
    request={"adjusted": False, "names": ["a"]},
    covers=(TimeRange(START, START + 1), TimeRange(START + 5, START + 9)),
)


def write(bars: pa.Table, root: Path, **options: bool) -> DataFile:
    (root / PARTITION.folder).mkdir(parents=True, exist_ok=True)
    folder = root / PARTITION.folder
    return data_file.write(bars, PARTITION, folder, day_tz="UTC", written_at_us=17, provenance=PROVENANCE, **options)


def test_a_file_carries_all_that_its_metadata_row_needs(tmp_path: Path) -> None:
    file = write(minute_bars({0: 1.0, 1: None, 7: 3.0}), tmp_path)
    assert data_file.read_footer(tmp_path, file.path) == (file, PROVENANCE)
    assert (file.row_count, file.ts_min_us, file.ts_max_us) == (3, START, START + 7 * 60_000_000)
    assert file.partition == PARTITION
    assert file.byte_size == (tmp_path / file.path).stat().st_size


def test_the_bars_come_back_as_they_went_in(tmp_path: Path) -> None:
    bars = minute_bars({number: None if number % 3 else float(number + 1) for number in range(1_000)})
    file = write(bars, tmp_path)
    assert data_file.read_bars(tmp_path, [file.path]).equals(bars)


def test_a_file_is_compressed_sorted_has_statistics_and_checksums_and_is_read_only(tmp_path: Path) -> None:
    file = write(minute_bars(dict.fromkeys(range(200_000), 1.0)), tmp_path)
    path = tmp_path / file.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups == math.ceil(200_000 / data_file.ROW_GROUP_ROWS) > 1
    last = START - 1
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        column = group.column(0)
        assert column.compression == "ZSTD"
        assert [one.column_index for one in group.sorting_columns] == [0]
        assert column.statistics.has_min_max
        stamps = [round(moment.timestamp() * 1e6) for moment in (column.statistics.min, column.statistics.max)]
        assert last < stamps[0] <= stamps[1]
        last = stamps[1]


@pytest.mark.parametrize(("is_compressed", "kind"), [(True, "ZSTD"), (False, "UNCOMPRESSED")])
def test_uncompressed_file_reads_the_same(tmp_path: Path, is_compressed: bool, kind: str) -> None:
    bars = minute_bars({number: float(number + 1) for number in range(1_000)})
    file = write(bars, tmp_path, is_compressed=is_compressed)
    group = pq.read_metadata(tmp_path / file.path).row_group(0)
    assert {group.column(number).compression for number in range(group.num_columns)} == {kind}
    assert data_file.read_bars(tmp_path, [file.path]).equals(bars)


def test_who_may_read_a_file_stays_as_the_umask_has_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        file = write(minute_bars({0: 1.0}), tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / file.path).stat().st_mode) == 0o400


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4))
@settings(max_examples=30)
def test_equal_rows_have_equal_digests_however_they_are_chunked(cuts: list[int]) -> None:
    bars = minute_bars({number: None if number % 4 == 0 else float(number) for number in range(sum(cuts))})
    chunked = pa.concat_tables([bars.slice(sum(cuts[:place]), cut) for place, cut in enumerate(cuts)])
    assert data_file.content_id(chunked) == data_file.content_id(bars)


@pytest.mark.parametrize("column", [name for name in arrow_schema().names if name != "ts_event"])
def test_digest_distinguishes_null_from_zero(column: str) -> None:
    bars = minute_bars({0: 1.0, 1: 2.0})
    place = bars.column_names.index(column)
    field = bars.schema.field(column)
    ids = {
        data_file.content_id(bars.set_column(place, field, pa.array([1, value], field.type))) for value in (None, 0, 2)
    }
    assert len(ids) == 3


@pytest.mark.parametrize(
    "content", [b"", b"PAR1 nothing PAR1", b"PK\x03\x04"], ids=["empty", "no parquet", "another format"]
)
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(StoreError, match=r"x\.parquet: not a data file of mtstore"):
        data_file.read_footer(tmp_path, "x.parquet")


def test_parquet_without_our_footer_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(StoreError, match="not a data file of mtstore"):
        data_file.read_footer(tmp_path, "x.parquet")


def test_a_damaged_page_is_an_error_and_not_wrong_bars(tmp_path: Path) -> None:
    file = write(minute_bars({number: float(number * 7 % 113) + 1 for number in range(5_000)}), tmp_path)
    path = tmp_path / file.path
    content = bytearray(path.read_bytes())
    content[200] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be read"):
        data_file.read_bars(tmp_path, [file.path])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.parquet"):
        data_file.read_bars(tmp_path, ["gone.parquet"])
