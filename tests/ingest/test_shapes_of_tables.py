"""Tables go in whatever their dates, tickers, index and column names look like, and however they are packed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zstandard

import mtstore
from mtstore import IngestWarning
from mtstore.cli.exit_codes import Exit
from mtstore.cli.main import run as run_command
from mtstore.storage.files.data_file import read_footer

MINUTES = pd.to_datetime(["2023-11-03 13:30", "2023-11-03 13:31"])
BARS = "SELECT ticker, strftime(ts_event AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M'), close, volume FROM bars ORDER BY ALL"
TWO_MINUTES = [("2023-11-03 13:30", 100.5, 100.0), ("2023-11-03 13:31", 100.5, 100.0)]


@pytest.fixture
def store(tmp_path: Path) -> mtstore.Store:
    return mtstore.open(tmp_path / "store", create=True)


def bars(times: Any, **more: Any) -> pd.DataFrame:
    values = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 100.0}
    return pd.DataFrame({"ts_event": times, **values, **more})


def ingest(store: mtstore.Store, frame: pd.DataFrame, place: Path | None, **options: Any) -> list[tuple[Any, ...]]:
    """Ingest a frame, or the parquet file of it, and return the stored bars."""
    if place is not None:
        frame.to_parquet(place / "bars.parquet")
    store.ingest(frame if place is None else place / "bars.parquet", **options)
    return store.sql(BARS).fetchall()


@pytest.fixture(params=["frame", "parquet"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "parquet" else None


def test_dates_may_be_whole_numbers(store: mtstore.Store, place: Path | None) -> None:
    mapping = {"schema": "ohlcv-1d", "ticker": "T", "time_format": "%Y%m%d"}
    found = ingest(store, bars(np.array([20231103, 20231106])), place, mapping=mapping)
    assert [row[1] for row in found] == ["2023-11-03 00:00", "2023-11-06 00:00"]


def test_tickers_may_be_whole_numbers(store: mtstore.Store, place: Path | None) -> None:
    found = ingest(store, bars(MINUTES, ticker=[600_000, 600_000]), place, schema="ohlcv-1m")
    assert found == [("600000", *row) for row in TWO_MINUTES]


def test_an_index_without_a_name_has_the_times(store: mtstore.Store, place: Path | None) -> None:
    frame = bars(MINUTES).set_index("ts_event").rename_axis(None)
    assert ingest(store, frame, place, ticker="T", schema="ohlcv-1m") == [("T", *row) for row in TWO_MINUTES]


def test_names_of_columns_match_in_any_case(store: mtstore.Store, place: Path | None) -> None:
    frame = bars(MINUTES).set_index("ts_event").rename(columns=str.title).rename(columns={"High": " High "})
    frame["Adj Close"] = 7.0
    assert ingest(store, frame, place, ticker="T", schema="ohlcv-1m") == [("T", *row) for row in TWO_MINUTES]


def test_a_name_that_matches_exactly_goes_first(store: mtstore.Store, place: Path | None) -> None:
    frame = bars(MINUTES).assign(Close=7.0)
    assert ingest(store, frame, place, ticker="T", schema="ohlcv-1m") == [("T", *row) for row in TWO_MINUTES]


def test_a_ticker_beside_a_mapping_without_one_counts(store: mtstore.Store, place: Path | None) -> None:
    found = ingest(store, bars(MINUTES), place, ticker="T", mapping={"schema": "ohlcv-1m"})
    assert found == [("T", *row) for row in TWO_MINUTES]


def test_the_file_of_aggregated_publishers_names_them(store: mtstore.Store, place: Path | None) -> None:
    frame = bars([MINUTES[0]] * 2, publisher_id=[3, 2], rtype=33, instrument_id=9, ticker=["T", "T"])
    assert ingest(store, frame, place, schema="ohlcv-1m") == [("T", *TWO_MINUTES[0][:2], 200.0)]
    ((path,),) = store.sql("SELECT path FROM files").fetchall()
    assert read_footer(store.path, path)[1].request["publishers"] == [2, 3]


def zipped(*contents: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.csv", content)
    return packed.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zip": zipped,
    "zst": zstandard.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("has_mapping", [True, False])
@pytest.mark.parametrize("packing", PACKINGS)
def test_packed_files_are_read(store: mtstore.Store, tmp_path: Path, packing: str, has_mapping: bool) -> None:
    path, mapping = tmp_path / f"a.csv.{packing}", tmp_path / "map.yaml"
    path.write_bytes(PACKINGS[packing](bars(MINUTES, ticker="T").to_csv(index=False).encode()))
    mapping.write_text("schema: ohlcv-1m\n")
    options = ["--map", str(mapping)] if has_mapping else ["--schema", "ohlcv-1m"]
    assert run_command(["ingest", str(store.path), "-q", str(path), *options]) == Exit.OK
    assert store.sql(BARS).fetchall() == [("T", *row) for row in TWO_MINUTES]


def test_members_of_an_archive_are_files(store: mtstore.Store, tmp_path: Path) -> None:
    members = [bars(MINUTES, ticker=ticker).to_csv(index=False).encode() for ticker in ("T", "U")]
    (tmp_path / "a.zip").write_bytes(zipped(*members))
    store.ingest(tmp_path / "a.zip", schema="ohlcv-1m")
    assert [row[0] for row in store.sql(BARS).fetchall()] == ["T", "T", "U", "U"]


@pytest.mark.parametrize("name", ["a.xlsx", "a.feather"])
def test_other_tables_are_rejected_with_the_remedy(store: mtstore.Store, tmp_path: Path, name: str) -> None:
    if name == "a.feather":
        bars(MINUTES, ticker="T").to_feather(tmp_path / name)
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("[Content_Types].xml", "<x/>")
    with pytest.warns(IngestWarning, match="save .* as CSV or parquet"):
        assert store.ingest(tmp_path / name, schema="ohlcv-1m").rejected
