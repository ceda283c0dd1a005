"""From vendor files of each kind, through the ingest, to every loader: the frames are what pandas makes of the bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import mtstore
from mtstore.synthetic import Faults, SyntheticMarket, write_dbn, write_flat_files

TICKERS = ["AAA", "BRK.B", "NA", "TRUE"]
FIELDS = ["open", "high", "low", "close", "volume"]
FIRST, LAST = "2023-11-20", "2023-11-27"  # Thanksgiving and a half day in between
NEW_YORK = "America/New_York"
OWN = """
schema: ohlcv-1m
columns: {ticker: symbol, ts_event: time}
"""


@pytest.fixture(scope="module")
def market():
    return SyntheticMarket(TICKERS, seed=5, faults=Faults.none(), thin=["NA"])


def _flat_files(market, folder):
    write_flat_files(market, folder, FIRST, LAST)
    return {"data": folder}


def _dbn(market, folder):
    write_dbn(market, folder / "bars.dbn.zst", FIRST, "2023-11-28")
    return {"data": folder}


def _own_parquet(market, folder):
    folder.mkdir()
    (folder / "mapping.yaml").write_text(OWN)
    table = pd.concat(
        market.bars(ticker, FIRST, LAST).to_pandas().rename(columns={"ts_event": "time"}).assign(symbol=ticker)
        for ticker in TICKERS
    )
    table.to_parquet(folder / "bars.parquet", index=False)
    assert pq.read_metadata(folder / "bars.parquet").num_rows == len(table)
    return {
        "data": folder / "bars.parquet",
        "mapping": folder / "mapping.yaml",
        "covers": (FIRST, "2023-11-28"),
    }


@pytest.fixture(scope="module", params=[_flat_files, _dbn, _own_parquet], ids=["flat files", "DBN", "own parquet"])
def store(request, market, tmp_path_factory):
    folder = tmp_path_factory.mktemp("input")
    with mtstore.open(folder / "store", create=True) as opened:
        options = request.param(market, folder / "files")
        assert opened.ingest(options.pop("data"), **options).is_complete
    return folder / "store"


@pytest.fixture(scope="module")
def regular(market):
    """Each ticker's minutes of regular hours, from the market itself."""
    found = {}
    for ticker in TICKERS:
        frame = market.bars(ticker, FIRST, LAST).to_pandas().set_index("ts_event").tz_convert(NEW_YORK)
        frame = frame.between_time("09:30", "15:59")
        is_after_half_day = (frame.index.normalize() == pd.Timestamp("2023-11-24", tz=NEW_YORK)) & (
            frame.index.hour >= 13
        )
        found[ticker] = frame[~is_after_half_day]
    return found


def _resampled(frame, rule):
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.resample(rule).agg(how).loc[frame.resample(rule).size() > 0]


def _wide(regular, rule):
    parts = {ticker: _resampled(frame, rule) for ticker, frame in regular.items()}
    wide = pd.concat(parts, axis=1).sort_index()
    wide.columns = [f"{ticker}_{field}" for ticker, field in wide.columns]
    return wide


def assert_same(found, wanted):
    assert list(found.columns) == list(wanted.columns)
    assert found.index.astype("int64").tolist() == wanted.index.astype("int64").tolist()
    np.testing.assert_allclose(found.to_numpy(float), wanted.to_numpy(float), rtol=1e-9, equal_nan=True)
    assert len(found) > 50


def config(store, **alignment):
    return {
        "store": str(store),
        "tickers": {ticker: {"calendar": "XNYS"} for ticker in TICKERS},
        "alignment": {"resampling": "5min", **alignment},
        "validation": {"enabled": False},
    }


def test_the_aligned_frame_and_its_chunks(store, regular):
    wanted = _wide(regular, "5min")
    with mtstore.MultiTickerDataLoader(config(store)) as loader:
        assert_same(loader.load_data(FIRST, LAST), wanted)
        assert_same(pd.concat(loader.iter_data(FIRST, LAST, chunk="2D")), wanted)


def test_one_ticker_of_a_multi_ticker_loader_at_its_own_interval(store, regular):
    own = {"ticker_config": {"overrides": {"NA": {"resampling": "1min"}}}}
    with mtstore.MultiTickerDataLoader({"multi_ticker": config(store), **own}) as loader:
        found = loader.get_ticker_data("NA", FIRST, LAST)
    assert_same(found[FIELDS], regular["NA"][FIELDS])


def test_the_single_ticker_loaders(store, regular):
    wanted = _resampled(regular["BRK.B"], "15min")
    with mtstore.UnifiedDataLoader(config=config(store)) as loader:
        assert_same(loader.load_ohlcv("BRK.B", FIRST, LAST, timeframe="15min")[FIELDS], wanted)
    with mtstore.TickerDataLoader("BRK.B", config(store, resampling="15min")) as loader:
        assert_same(loader.load_data(start=FIRST, end=LAST)[FIELDS], wanted)


def test_the_cache_and_the_store(store, regular):
    with mtstore.CacheManager(config(store)) as cache:
        found = cache.get_cached_data("TRUE", f"{FIRST}T09:30:00-05:00", f"{FIRST}T16:00:00-05:00")
    day = regular["TRUE"].loc[FIRST]
    assert found is not None
    assert_same(found[FIELDS].tz_convert(NEW_YORK), day[FIELDS])
    with mtstore.open(store) as opened:
        found = opened.align(TICKERS, "1h", FIRST, LAST, method="outer_join").to_pandas()
    hourly = {
        ticker: _resampled(frame.set_axis(frame.index - pd.Timedelta(minutes=30)), "1h")
        for ticker, frame in regular.items()
    }
    wide = pd.concat(hourly, axis=1).sort_index()
    wide.index += pd.Timedelta(minutes=30)
    wide.columns = [f"{ticker}_{field}" for ticker, field in wide.columns]
    np.testing.assert_allclose(found.to_numpy(float), wide.to_numpy(float), rtol=1e-9, equal_nan=True)
