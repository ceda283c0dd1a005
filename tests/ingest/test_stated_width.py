"""The distances of a file's times are compared with the width that its mapping states."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mtstore
from mtstore import IngestWarning
from mtstore.cli.exit_codes import Exit
from mtstore.cli.main import run as run_command
from mtstore.errors import BrokenFileError
from tests.kits.stores import bars_of


@pytest.fixture
def store(tmp_path: Path) -> mtstore.Store:
    return mtstore.open(tmp_path / "store", create=True)


def bars(times: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"ts_event": pd.to_datetime(times), "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 100.0}
    )


def grid(step: str, count: int = 12) -> pd.DatetimeIndex:
    return pd.date_range("2023-11-03 13:00", periods=count, freq=step)


@pytest.mark.parametrize(("step", "width"), [("5min", "5m"), ("30min", "30m"), ("1h", "1h")])
def test_bars_wider_than_stated_are_stored_with_a_warning(store: mtstore.Store, step: str, width: str) -> None:
    with pytest.warns(IngestWarning, match=f"T: every gap is {width} or a multiple of it: is the schema ohlcv-{width}"):
        result = store.ingest_frame(bars(grid(step)), ticker="T", schema="ohlcv-1m")
    assert (result.is_complete, len(bars_of(store))) == (True, 12)


def test_days_are_not_minutes(store: mtstore.Store, tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    bars(["2023-11-01", "2023-11-02", "2023-11-03", "2023-11-06"]).assign(ticker="T").to_csv(path, index=False)
    arguments = ["ingest", str(store.path), "-q", str(path), "--schema", "ohlcv-1m"]
    assert run_command(arguments) == Exit.REJECTED
    with pytest.warns(IngestWarning, match=r"days.csv: rejected: its rows are a day or more apart.*ohlcv-1d"):
        store.ingest_files(path, schema="ohlcv-1m")
    assert bars_of(store) == []


def test_bars_narrower_than_stated_are_refused(store: mtstore.Store) -> None:
    words = r"16 of 20 rows are off the grid of ohlcv-5m; the rows are 1m apart: is the schema ohlcv-1m\?"
    with pytest.raises(BrokenFileError, match=words):
        store.ingest_frame(bars(grid("1min", 20)), ticker="T", schema="ohlcv-5m")
    assert bars_of(store) == []


def test_few_rows_off_the_grid_are_quarantined_alone(store: mtstore.Store) -> None:
    times = grid("5min").append(pd.DatetimeIndex(["2023-11-03 14:02"]))
    result = store.ingest_frame(bars(times), ticker="T", schema="ohlcv-5m")
    assert (result.rows, result.quarantined_rows) == (12, 1)


@pytest.mark.parametrize(
    "times",
    [
        ["2023-11-03 13:30", "2023-11-03 13:37", "2023-11-03 13:39", "2023-11-03 14:05"],
        ["2023-11-03 13:30", "2023-11-03 13:35", "2023-11-03 13:40"],
        grid("1min"),
    ],
    ids=["thin", "three rows", "minutes"],
)
def test_minutes_do_not_warn(store: mtstore.Store, times: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", IngestWarning)
        store.ingest_frame(bars(times), ticker="T", schema="ohlcv-1m")
