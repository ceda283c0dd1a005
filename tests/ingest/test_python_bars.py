"""What Python's clients return goes in as it is, and what stands beside a mapping is used or refused."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polygon.rest.models import Agg

import mtstore
from mtstore.errors import InputError, TickerError

START_MS = 1_699_018_200_000  # 2023-11-03 13:30 UTC
ROW = [1.0, 2.0, 0.5, 1.5, 100.0]


@pytest.fixture
def store(tmp_path: Path) -> mtstore.Store:
    return mtstore.open(tmp_path / "store", create=True)


def stored(store: mtstore.Store) -> list[tuple[Any, ...]]:
    columns = "ticker, epoch_ms(ts_event), open, high, low, close, volume"
    return store.sql(f"SELECT {columns} FROM bars ORDER BY ALL").fetchall()


def frame(time: str = "2023-11-03 13:30") -> pd.DataFrame:
    values = dict(zip(("open", "high", "low", "close", "volume"), ROW, strict=True))
    return pd.DataFrame([{"ts_event": pd.Timestamp(time)} | values])


BAR = (START_MS, *ROW)


@pytest.mark.parametrize("row", [list, tuple])
def test_lists_of_ccxt(store: mtstore.Store, row: Any) -> None:
    store.ingest([row(BAR), row((START_MS + 60_000, *ROW))], ticker="X", schema="ohlcv-1m")
    assert stored(store) == [("X", *BAR), ("X", START_MS + 60_000, *ROW)]


def test_aggregates_of_polygons_client(store: mtstore.Store) -> None:
    bar = Agg(open=1.0, high=2.0, low=0.5, close=1.5, volume=100.0, vwap=1.2, timestamp=START_MS, transactions=7)
    store.ingest([bar], ticker="X", schema="ohlcv-1m")
    assert stored(store) == [("X", *BAR)]
    assert store.sql("SELECT vwap, transactions FROM bars").fetchall() == [(1.2, 7)]


def test_frames_by_ticker(store: mtstore.Store) -> None:
    indexed = frame().set_index("ts_event")
    unnamed = indexed.rename_axis(None)
    frames = {"AAPL": frame(), "MSFT": indexed, "TRUE": unnamed, "NA": pl.from_pandas(frame())}
    store.ingest(frames, schema="ohlcv-1m")
    assert stored(store) == [(ticker, *BAR) for ticker in ("AAPL", "MSFT", "NA", "TRUE")]


def test_a_lazy_frame(store: mtstore.Store) -> None:
    store.ingest(pl.from_pandas(frame()).lazy(), ticker="X", schema="ohlcv-1m")
    assert stored(store) == [("X", *BAR)]


def test_frames_by_ticker_that_cannot_be(store: mtstore.Store) -> None:
    with pytest.raises(InputError, match="frame of 'A': was a int"):
        store.ingest({"A": 5}, schema="ohlcv-1m")
    with pytest.raises(InputError, match="frame of 'A': it has a column 'ticker'"):
        store.ingest({"A": frame().assign(ticker="B")}, schema="ohlcv-1m")
    with pytest.raises(InputError, match="there are none"):
        store.ingest({}, schema="ohlcv-1m")
    assert stored(store) == []


def doors(store: mtstore.Store, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "a.csv"
    frame("2023-11-03 09:30").to_csv(path, index=False)
    return {
        "frame": lambda **options: store.ingest(frame("2023-11-03 09:30"), **options),
        "file": lambda **options: store.ingest(str(path), **options),
        "paths": lambda **options: store.ingest([path], **options),
    }


GIVEN = {"ticker": "T", "schema": "ohlcv-1m", "tz": "America/New_York"}


@pytest.mark.parametrize("door", ["frame", "file", "paths"])
@pytest.mark.parametrize("beside", [names for n in range(4) for names in itertools.combinations(GIVEN, n)], ids=str)
def test_every_argument_beside_a_mapping_completes_it(
    store: mtstore.Store, tmp_path: Path, door: str, beside: tuple[str, ...]
) -> None:
    mapping = {name: value for name, value in GIVEN.items() if name not in beside}
    doors(store, tmp_path)[door](mapping=mapping or None, **{name: GIVEN[name] for name in beside})
    assert stored(store) == [("T", *BAR)]


@pytest.mark.parametrize("door", ["frame", "file"])
@pytest.mark.parametrize(("name", "other"), [("ticker", "U"), ("schema", "ohlcv-1h"), ("tz", "Europe/Berlin")], ids=str)
def test_an_argument_that_contradicts_the_mapping_is_refused(
    store: mtstore.Store, tmp_path: Path, door: str, name: str, other: str
) -> None:
    call = doors(store, tmp_path)[door]
    words = rf"{name}: was '{other}', but the mapping has '{GIVEN[name]}'; give only one"
    if door == "frame":
        with pytest.raises(InputError, match=words):
            call(mapping=GIVEN, **{name: other})
    else:
        with pytest.warns(mtstore.IngestWarning, match=words):
            call(mapping=GIVEN, **{name: other})
    assert stored(store) == []


@pytest.mark.parametrize("stated", ["UTC", "Europe/Berlin"])
def test_a_zone_beside_one_that_the_mapping_states_is_refused(store: mtstore.Store, stated: str) -> None:
    with pytest.raises(InputError, match=f"tz: was 'America/New_York', but the mapping has '{stated}'"):
        store.ingest(frame(), mapping=GIVEN | {"tz": stated}, tz="America/New_York")


def test_a_zone_name_without_daylight_saving_is_noted(store: mtstore.Store) -> None:
    with pytest.warns(mtstore.IngestWarning, match=r"tz: EST is a fixed offset.*use America/New_York"):
        store.ingest(frame(), mapping=GIVEN | {"tz": "EST"})


def test_equal_bytes_under_two_names_are_two_tickers(store: mtstore.Store, tmp_path: Path) -> None:
    for name in ("A.csv", "B.csv"):
        frame().to_csv(tmp_path / name, index=False)
    mapping = {"schema": "ohlcv-1m", "ticker_from": "file"}
    for rows in (2, 0):
        assert store.ingest_files([tmp_path / "A.csv", tmp_path / "B.csv"], mapping=mapping).rows == rows
    assert [row[0] for row in stored(store)] == ["A", "B"]


def test_a_ticker_that_cannot_be(store: mtstore.Store, tmp_path: Path) -> None:
    for call in doors(store, tmp_path).values():
        with pytest.raises(TickerError):
            call(ticker=" ", schema="ohlcv-1m")
