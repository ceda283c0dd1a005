"""The main job: vendor files of many tickers go in, and the same aligned table comes out three ways."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import mtstore
from mtstore.synthetic import SyntheticMarket, write_flat_files

TICKERS = ["AAA", "BRK.B", "NA", "O'X", "TRUE"]
FIELDS = ["open", "high", "low", "close", "volume"]
START, END = "2023-11-20", "2023-11-24"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(TICKERS, seed=11, thin=["NA"])


@pytest.fixture(scope="module")
def store(market: SyntheticMarket, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("main")
    write_flat_files(market, folder / "november", date(2023, 11, 1), date(2023, 11, 30))
    write_flat_files(market, folder / "later", date(2023, 12, 1), date(2024, 2, 29))
    with mtstore.open(folder / "market", create=True) as opened:
        assert opened.ingest(folder / "november").is_complete
    return folder / "market"


def loaded(store: Path, method: str) -> pd.DataFrame:
    config = {"store": str(store), "tickers": TICKERS, "alignment": {"resampling": "5min", "method": method}}
    with warnings.catch_warnings(), mtstore.MultiTickerDataLoader(config) as loader:
        warnings.simplefilter("ignore")  # made-up bars have outliers; what is compared here is the table
        return loader.load_data(START, END)


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Long rows of SQL as the loader's table, by pandas alone."""
    table = rows.pivot_table(index="ts_event", columns="ticker", values=FIELDS, dropna=False, aggfunc="first")
    table.columns = table.columns.map(lambda pair: f"{pair[1]}_{pair[0]}")
    table.index = pd.DatetimeIndex(pd.to_datetime(table.index, utc=True)).tz_convert("America/New_York")
    return table[[f"{ticker}_{field}" for ticker in TICKERS for field in FIELDS]].sort_index()


def assert_same_cells(left: pd.DataFrame, right: pd.DataFrame) -> None:
    assert list(left.columns) == list(right.columns)
    assert (left.index == right.index).all()
    np.testing.assert_allclose(left.to_numpy(float), right.to_numpy(float), rtol=1e-9, equal_nan=True)
    assert np.isfinite(left.to_numpy(float)).sum() > 1_000


def duckdb_cli(store: Path, macro: str) -> pd.DataFrame:
    listed = ", ".join("'" + ticker.replace("'", "''") + "'" for ticker in TICKERS)
    statement = (
        f"SELECT ticker, epoch_us(ts_event) AS ts_event, {', '.join(FIELDS)} "
        f"FROM {macro}([{listed}], INTERVAL 5 MINUTE, start_ts := DATE '{START}', end_ts := DATE '{END}')"
    )
    done = subprocess.run(
        [BIN / "duckdb", "-readonly", "-csv", store / "market.duckdb", "-c", statement],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = pd.read_csv(
        io.StringIO(done.stdout), keep_default_na=False, na_values={name: ["", "NULL"] for name in FIELDS}
    )
    return rows.assign(ts_event=pd.to_datetime(rows["ts_event"], unit="us", utc=True))


@pytest.mark.parametrize(
    ("method", "macro"),
    [("outer_join", "aligned_outer"), ("inner_join", "aligned_inner"), ("forward_fill", "aligned_ffill")],
)
def test_duckdb_cli_gives_the_loaders_cells_while_an_ingest_runs(store: Path, method: str, macro: str) -> None:
    code = (
        "import sys, mtstore\n"
        "with mtstore.open(sys.argv[1]) as store:\n"
        "    print('opened', flush=True)\n"
        "    store.ingest(sys.argv[2])\n"
    )
    command = [sys.executable, "-c", code, str(store), str(store.parent / "later")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "opened\n"
        during = duckdb_cli(store, macro)
        frame = loaded(store, method)
        assert writer.wait(timeout=120) == 0
    assert_same_cells(frame, wide(during))
    assert_same_cells(frame, wide(duckdb_cli(store, macro)))


def test_command_line_gives_the_loaders_cells(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "aligned.parquet"
    options = ["--tickers", ",".join(TICKERS), "--interval", "5min", "--start", START, "--end", END]
    subprocess.run([BIN / "mtstore", "load", store, *options, "-o", target], check=True, capture_output=True)
    table = pq.read_table(target).to_pandas(ignore_metadata=True).set_index("timestamp")
    table.index = pd.DatetimeIndex(table.index).tz_convert("America/New_York")
    assert_same_cells(loaded(store, "outer_join"), table)


def test_bars_are_what_pandas_reads_from_the_same_files(store: Path) -> None:
    files = sorted((store.parent / "november").rglob("*.csv.gz"))
    read = pd.concat(
        pd.read_csv(file, keep_default_na=False, na_values={"transactions": [""]}, dtype={"ticker": str})
        for file in files
    )
    read = read.sort_values(["ticker", "window_start"]).reset_index(drop=True)
    with mtstore.open(store) as opened:
        query = "SELECT * FROM bars WHERE ts_event < TIMESTAMPTZ '2023-12-01 05:00:00+00' ORDER BY ticker, ts_event"
        stored = opened.sql(query).to_pandas()
    assert list(stored["ticker"]) == list(read["ticker"])
    stamps = stored["ts_event"].dt.tz_convert("UTC").astype("datetime64[ns, UTC]").astype("int64")
    np.testing.assert_array_equal(stamps, read["window_start"])
    for name in FIELDS:
        np.testing.assert_array_equal(stored[name], read[name])
