"""What files are taken for, and which files a folder or glob means."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mtstore.errors import BrokenFileError, IngestError, InputError, UnrecognisedFileError
from mtstore.sources.detect_format import detect_format, expand_paths
from mtstore.synthetic import SyntheticMarket, write_dbn

POLYGON = b"ticker,volume,open,close,high,low,window_start,transactions\nAAA,1,1,1,1,1,1700000000000000000,1\n"
OWN = b"time,o,h,l,c,v\n2024-01-02 09:30,1,1,1,1,1\n"


@pytest.fixture(scope="module")
def dbn(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("dbn") / "x.dbn"
    return write_dbn(SyntheticMarket(1), path, "2024-03-01", "2024-03-01").read_bytes()


def parquet(path: Path) -> bytes:
    pq.write_table(pa.table({"time": [1, 2]}), path)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["2024-01-02.csv.gz", "no-suffix", "data.bin"])
def test_gzipped_flat_files_are_detected_by_header(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(POLYGON))
    assert detect_format(tmp_path / name) == "polygon-flatfile"


def test_a_flat_file_may_be_unpacked_and_in_another_column_order(tmp_path: Path) -> None:
    path = tmp_path / "2024-01-02.csv"
    path.write_bytes(b"window_start,ticker,low,high,open,close,transactions,volume\n")
    assert detect_format(path) == "polygon-flatfile"


@pytest.mark.parametrize("content", [OWN, OWN.replace(b",", b";"), OWN.replace(b",", b"\t"), b"\xef\xbb\xbf" + OWN])
def test_other_csv_is_csv(tmp_path: Path, content: bytes) -> None:
    for name, packed in (("own.csv", content), ("own.csv.gz", gzip.compress(content)), ("own", content)):
        (tmp_path / name).write_bytes(packed)
        assert detect_format(tmp_path / name) == "csv"


def test_dbn_is_detected_through_zstd(tmp_path: Path, dbn: bytes) -> None:
    for name, content in (
        ("a.dbn", dbn),
        ("b.dbn.zst", zstandard.compress(dbn)),
        ("c", dbn),
        ("d.zst", zstandard.compress(dbn)),
    ):
        (tmp_path / name).write_bytes(content)
        assert detect_format(tmp_path / name) == "dbn"


def test_parquet_is_detected_by_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    content = parquet(path)
    assert detect_format(path) == "parquet"
    path.write_bytes(content[:-1])
    with pytest.raises(BrokenFileError, match=f"ends at byte {len(content) - 1}"):
        detect_format(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv.gz", POLYGON, "the suffix does not fit: the file contains uncompressed CSV"),
        ("x.csv", gzip.compress(POLYGON, mtime=0), "the file contains gzipped CSV"),
        ("x.dbn", POLYGON, "the file contains uncompressed CSV"),
        ("x.dbn.zst", gzip.compress(POLYGON, mtime=0), "the file contains gzipped CSV"),
        ("x.parquet", OWN, "the file contains uncompressed CSV"),
        ("x.csv.gz", b"<?xml version='1.0'?><Error/>", "unknown format.*<\\?xml"),
        ("x.csv", b'{"status": "ERROR"}\n', "unknown format"),
        ("x.csv", b"\x00\x01\x02\x03", "unknown format"),
        ("x.csv", b"one column\n1\n", "unknown format"),
        ("x.csv.gz", b"", "the file is empty"),
        ("x.zst", zstandard.compress(POLYGON), "a Polygon flat file in zstd; unpack it, or pack it with gzip"),
        ("x.xz", lzma.compress(b"one column\n1\n"), "unknown format: xz data that begins with b'one"),
    ],
    ids=itertools.count(),
)
def test_what_was_found_is_said(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnrecognisedFileError, match=message):
        detect_format(path)


@pytest.mark.parametrize(
    ("name", "pack"), [("x.csv.zst", zstandard.compress), ("x.csv.bz2", bz2.compress), ("x.csv.xz", lzma.compress)]
)
def test_packed_tables_are_detected(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / name).write_bytes(pack(OWN))
    assert detect_format(tmp_path / name) == "csv"


def test_archives_of_tables_are_detected(tmp_path: Path) -> None:
    for name, member in (("x.zip", "x.csv"), ("book.xlsx", "[Content_Types].xml")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, OWN)
    assert detect_format(tmp_path / "x.zip") == "csv"
    with pytest.raises(BrokenFileError, match="save a table as CSV or parquet"):
        detect_format(tmp_path / "book.xlsx")


def test_dbn_under_another_name_is_refused(tmp_path: Path, dbn: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(dbn)
    with pytest.raises(UnrecognisedFileError, match="the file contains uncompressed DBN"):
        detect_format(tmp_path / "x.csv")


def test_ambiguous_beginning_is_a_broken_file(tmp_path: Path, dbn: bytes) -> None:
    for name, content in (("x.csv.gz", gzip.compress(POLYGON)), ("x.dbn.zst", zstandard.compress(dbn))):
        for length in range(1, 20):
            (tmp_path / name).write_bytes(content[:length])
            with pytest.raises(IngestError, match=name):
                detect_format(tmp_path / name)


def test_a_flat_file_that_is_cut_further_on_is_still_a_flat_file(tmp_path: Path) -> None:
    content = gzip.compress(POLYGON * 10_000, compresslevel=0)
    (tmp_path / "x.csv.gz").write_bytes(content[: len(content) // 2])
    assert detect_format(tmp_path / "x.csv.gz") == "polygon-flatfile"
    (tmp_path / "x.csv.gz").write_bytes(content[:1000])
    assert detect_format(tmp_path / "x.csv.gz") == "polygon-flatfile"


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        detect_format(tmp_path / "missing")
    with pytest.raises(InputError, match="is not a file"):
        detect_format(tmp_path)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_folders_and_globs_are_expanded_in_a_fixed_order(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "b/2.csv",
        "b/10.csv",
        "b/1.csv",
        "a/z.dbn",
        "b/.hidden.csv",
        "b/.git/x.csv",
        "b/manifest.json",
        "b/1.csv.part",
    )

    def names(*paths: str) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in expand_paths(tmp_path / path for path in paths)]

    assert names(".") == ["a/z.dbn", "b/1.csv", "b/10.csv", "b/2.csv"]
    assert names("b", "a") == ["b/1.csv", "b/10.csv", "b/2.csv", "a/z.dbn"]
    assert names("b/1*.csv") == ["b/1.csv", "b/10.csv"]
    assert names("**/*.csv") == ["b/1.csv", "b/10.csv", "b/2.csv"]
    assert names("?") == ["a/z.dbn", "b/1.csv", "b/10.csv", "b/2.csv"]
    assert names("b/2.csv", "b", "b/./2.csv") == ["b/2.csv", "b/1.csv", "b/10.csv"]
    assert names("b/manifest.json") == ["b/manifest.json"]


def test_side_files_of_a_folder_are_named(tmp_path: Path) -> None:
    side = ["LICENSE", "README.txt", "Thumbs.db", "_SUCCESS", "a.csv.CHECKSUM", "__MACOSX/a.csv", ".DS_Store"]
    touch(tmp_path, "a.txt", "2023.csv", ".git/x.csv", *side)
    passed_over: list[Path] = []
    assert expand_paths([tmp_path], passed_over) == [tmp_path / "2023.csv", tmp_path / "a.txt"]
    assert sorted(str(path.relative_to(tmp_path)) for path in passed_over) == sorted(side)


@pytest.mark.parametrize(
    ("header", "kind"),
    [("ticker,price,sip_timestamp,size", "trades"), ("ticker,bid_price,ask_price,sip_timestamp", "quotes")],
)
def test_flat_files_of_other_records_are_named(tmp_path: Path, header: str, kind: str) -> None:
    path = tmp_path / "2023-11-03.csv"
    path.write_text(header + "\n")
    with pytest.raises(UnrecognisedFileError, match=f"Polygon {kind}: only minute_aggs_v1"):
        detect_format(path)


def test_names_in_angle_brackets_are_a_header(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("<DATE>,<OPEN>\n20231103,1\n")
    assert detect_format(path) == "csv"
    path.write_text("<html><head><title>a, b</title>\n")
    with pytest.raises(UnrecognisedFileError):
        detect_format(path)


def test_a_name_with_brackets_is_a_file_first(tmp_path: Path) -> None:
    touch(tmp_path, "data[1].csv")
    assert expand_paths([tmp_path / "data[1].csv"]) == [tmp_path / "data[1].csv"]


def test_nothing_found_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    touch(tmp_path, "bars.csv", "empty/.hidden")
    with pytest.raises(InputError, match=r"bar\.csv: does not exist; did you mean 'bars\.csv'"):
        expand_paths([tmp_path / "bar.csv"])
    with pytest.raises(InputError, match="no file matches"):
        expand_paths([tmp_path / "*.dbn"])
    with pytest.raises(InputError, match="the folder contains no data file"):
        expand_paths([tmp_path / "empty"])


@pytest.mark.parametrize("head", [b"PK\x03\x04\x14\x00\x06\x00workbook", b"ARROW1\x00\x00columns"])
def test_other_tables_are_to_be_saved_as_csv(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(head)
    with pytest.raises(UnrecognisedFileError, match="save it as CSV or parquet"):
        detect_format(tmp_path / "a.bin")
