from __future__ import annotations

import asyncio
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore import CacheManager, MultiTickerDataLoader, TickerDataLoader, UnifiedDataLoader
from mtstore.errors import InputError, MissingDataError, StoreNotFoundError

NEW_YORK = "America/New_York"
DAY = ("2024-01-03", "2024-01-03")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A store of two tickers and one day, pre-market included; MSFT from two sources."""
    path = tmp_path_factory.mktemp("single") / "store"
    index = pd.date_range("2024-01-03 09:00", periods=420, freq="1min", tz=NEW_YORK)
    price = np.arange(1.0, 421.0)
    values = {"open": price, "high": price, "low": price, "close": price, "volume": 10.0}
    frame = pd.DataFrame(values, index=index)
    with CacheManager({"cache_dir": str(path)}) as cache:
        cache.cache_data("AAPL", frame, *DAY, source="polygon")
        cache.cache_data("MSFT", frame, *DAY, source="one")
        cache.cache_data("MSFT", frame * 2, *DAY, source="two")
    return path


@pytest.fixture
def loader(path):
    with UnifiedDataLoader(config={"store": str(path)}) as made:
        yield made


def test_bars_of_one_ticker_come_in_new_york_time(loader):
    frame = loader.load_ohlcv("AAPL", *DAY)
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", "vwap", "transactions"]
    assert frame.index.name == "timestamp"
    assert str(frame.index.tz) == NEW_YORK
    assert (len(frame), str(frame.index[0])) == (390, "2024-01-03 09:30:00-05:00")


def test_every_old_spelling_gives_the_same(loader):
    wanted = loader.load_ohlcv("AAPL", *DAY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (
            loader.load_data("AAPL", *DAY),
            loader.load_data("AAPL", start=DAY[0], end=DAY[1], data_type="ohlcv"),
            loader.load_data(symbol="AAPL", start=DAY[0], end=DAY[1]),
            loader.load("AAPL", *DAY),
            loader.load("AAPL", *DAY, "1min"),
            loader.load_ohlcv("AAPL", *DAY, timeframe="minute", use_cache=True),
        ):
            pd.testing.assert_frame_equal(given, wanted)


def test_a_timeframe_is_an_interval(loader):
    assert len(loader.load("AAPL", *DAY, timeframe="5min")) == 78
    assert loader.load("AAPL", *DAY, timeframe="1d")["volume"].tolist() == [3900.0]
    with pytest.raises(InputError, match="write 5min"):
        loader.load("AAPL", *DAY, timeframe="5T")


@pytest.mark.parametrize("how", ["config", "config_path", "settings", "path", "object"])
def test_the_store_is_found_by_whatever_old_code_gives(path, tmp_path, how):
    file = tmp_path / "config.yaml"
    file.write_text(f"multi_ticker:\n  store: {path}\n", encoding="utf-8")
    mapping = {"multi_ticker": {"store": str(path)}}
    given = {
        "config": lambda: UnifiedDataLoader(config=mapping),
        "config_path": lambda: UnifiedDataLoader(config_path=file),
        "settings": lambda: UnifiedDataLoader(mapping),
        "path": lambda: UnifiedDataLoader(str(file)),
        "object": lambda: UnifiedDataLoader(SimpleNamespace(cache_dir=path)),
    }[how]()
    with given:
        assert given.store.path == path


def test_what_is_superseded_says_so(path):
    with pytest.warns(DeprecationWarning, match="cache_enabled=False is deprecated"):
        loader = UnifiedDataLoader(config={"store": str(path)}, cache_enabled=False)
    with loader, pytest.warns(DeprecationWarning, match="use_cache=False is deprecated"):
        assert len(loader.load_ohlcv("AAPL", *DAY, use_cache=False)) == 390


def test_the_data_source_decides_which_bars_are_read(path):
    with UnifiedDataLoader(config={"store": str(path)}, data_source="two") as loader:
        assert loader.load("MSFT", *DAY)["open"].iloc[0] == 62.0
        with pytest.raises(InputError, match="data_source: was 'two', which has no bars of 'AAPL'; use polygon"):
            loader.load("AAPL", *DAY)
    config = {"store": str(path), "tickers": {"MSFT": {"data_source": "one"}}}
    with UnifiedDataLoader(config=config, data_source="two") as loader:
        assert loader.load("MSFT", *DAY)["open"].iloc[0] == 31.0


def test_what_cannot_be_right_is_refused(loader, tmp_path):
    with pytest.raises(InputError, match="ticker 'AAPLE' is neither configured nor stored; did you mean 'AAPL'"):
        loader.load("AAPLE", *DAY)
    with pytest.raises(InputError, match="data_type 'trades' is not ohlcv"):
        loader.load_data("AAPL", *DAY, data_type="trades")
    with pytest.raises(InputError, match="symbol: was None, and the configuration has no tickers"):
        loader.load_data(*DAY)
    with pytest.raises(InputError, match="symbol is given twice"):
        loader.load_data("AAPL", *DAY, symbol="MSFT")
    with pytest.raises(MissingDataError, match="AAPL"):
        loader.load("AAPL", "2024-01-03", "2024-01-04")
    with pytest.raises(InputError, match="settings: a configuration, or an object with one of store"):
        UnifiedDataLoader(object())
    with pytest.raises(StoreNotFoundError):
        UnifiedDataLoader(config={"store": str(tmp_path / "none")})


def test_data_info_says_what_is_stored(loader):
    info = loader.get_data_info("AAPL")
    assert info == {
        "symbol": "AAPL",
        "is_available": True,
        "rows": 420,
        "bytes": info["bytes"],
        "start": pd.Timestamp("2024-01-03 09:00", tz=NEW_YORK),
        "end": pd.Timestamp("2024-01-03 15:59", tz=NEW_YORK),
        "sources": ["polygon"],
        "schemas": ["ohlcv-1m"],
        "calendar": "XNYS",
    }
    nothing = loader.get_data_info("NOBODY")
    assert (nothing["is_available"], nothing["rows"], nothing["start"], nothing["sources"]) == (False, 0, None, [])


def config(path, **multi):
    return {
        "multi_ticker": {"store": str(path), "tickers": {"AAPL": {}, "MSFT": {"data_source": "two"}}, **multi},
        "ticker_config": {
            "overrides": {"MSFT": {"resampling": "1h", "session_start": "10:00", "session_end": "12:00"}}
        },
    }


def test_a_ticker_s_loader_has_its_interval_session_and_source(path):
    with TickerDataLoader("MSFT", config(path)) as loader:
        assert isinstance(loader, UnifiedDataLoader)
        frame = loader.load_data(*DAY)
        assert list(pd.DatetimeIndex(frame.index).strftime("%H:%M")) == ["10:00", "11:00"]
        assert frame["open"].tolist() == [122.0, 242.0]
        pd.testing.assert_frame_equal(loader.load_ohlcv(None, *DAY), frame)
        assert loader.get_data_info()["symbol"] == "MSFT"
        with pytest.raises(InputError, match="symbol: was 'AAPL'; this loader loads 'MSFT' only"):
            loader.load_data("AAPL", *DAY)


def test_a_multi_ticker_loader_has_one_for_each_ticker(path):
    with MultiTickerDataLoader(config(path)) as loader:
        assert list(loader.data_loaders) == ["AAPL", "MSFT"]
        assert all(isinstance(one, TickerDataLoader) for one in loader.data_loaders.values())
        one = loader.data_loaders["MSFT"]
        assert one.store is loader.store
        pd.testing.assert_frame_equal(one.load_data(*DAY), loader.get_ticker_data("MSFT", *DAY))
        assert loader.data_loaders is loader.data_loaders


def test_without_multi_ticker_the_first_ticker_is_loaded_as_it_is(path):
    with MultiTickerDataLoader(config(path, enabled=False)) as loader:
        with pytest.warns(UserWarning, match="enabled is false: only AAPL is loaded, not MSFT"):
            frame = loader.load_data(*DAY)
        pd.testing.assert_frame_equal(frame, loader.data_loaders["AAPL"].load_data(*DAY))
        assert loader.aligned_data is frame
        assert loader.report is not None
        assert (loader.report.rows, loader.report.columns) == frame.shape
        assert (loader.report["AAPL"].rows, loader.report["AAPL"].error) == (len(frame), None)
        closes = loader.load_data(*DAY, tickers=["MSFT"], fields=["close"])
        assert list(closes.columns) == ["close"]
        assert len(closes) == 2
        again = asyncio.run(loader.load_data_async(*DAY, tickers=["MSFT"], fields="close"))
        pd.testing.assert_frame_equal(again, closes)
        for wrong in ({"columns": "multi"}, {"dtype": "float32"}):
            with pytest.raises(InputError, match="without columns and dtype"):
                loader.load_data(*DAY, **wrong)
        with pytest.raises(InputError, match="enabled: was false; iter_data aligns tickers"):
            loader.iter_data(*DAY)


def test_metadata_of_the_configuration_goes_over_the_store_s(path):
    given = {"store": str(path), "tickers": {"AAPL": {"metadata": {"sector": "Tech"}}}}
    with mtstore.open(path) as store:
        mtstore.MetadataManager(store).update_ticker_metadata("AAPL", sector="?", market_cap=1)
    with MultiTickerDataLoader(given) as loader:
        assert loader.metadata["AAPL"] == {"sector": "Tech", "market_cap": 1}
