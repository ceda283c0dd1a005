from __future__ import annotations

import contextlib
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import mtstore
from mtstore import CacheManager, MultiTickerDataLoader
from mtstore.errors import ConfigError, InputError, RangeError, TickerError

NEW_YORK = "America/New_York"


@pytest.fixture
def cache(tmp_path):
    with CacheManager({"cache_dir": str(tmp_path / "cache")}) as manager:
        yield manager


def bar_count(frame: pd.DataFrame | None) -> int:
    return 0 if frame is None else len(frame)


def minutes(start, count, tz=NEW_YORK, step="1min"):
    index = pd.date_range(start, periods=count, freq=step, tz=tz)
    price = np.arange(100.0, 100.0 + count)
    values = {"open": price, "high": price + 1, "low": price - 1, "close": price, "volume": 10.0}
    return pd.DataFrame(values, index=index)


def test_what_was_cached_comes_back_as_it_was(cache):
    frame = minutes("2024-01-03 04:00", 900)
    cache.cache_data("AAPL", frame, "2024-01-03", "2024-01-05")
    given = cache.get_cached_data("AAPL", "2024-01-03", "2024-01-05")
    assert given.index.name == "timestamp"
    assert str(given.index.tz) == NEW_YORK
    pd.testing.assert_frame_equal(given[list(frame.columns)], frame, check_freq=False, check_names=False)


def test_bars_lie_compressed_or_not_as_configured_and_are_read_together(tmp_path):
    place = str(tmp_path / "s")
    for day, compression in (("2024-01-03", True), ("2024-01-04", False)):
        with CacheManager({"cache_dir": place, "compression": compression}) as manager:
            manager.cache_data("AAPL", minutes(f"{day} 09:30", 390), day, day)
    assert kinds(place) == ["UNCOMPRESSED", "ZSTD"]
    with CacheManager({"cache_dir": place}) as manager:
        given = manager.get_cached_data("AAPL", "2024-01-03", "2024-01-04")
        assert given is not None
        assert len(given) == 780
        with MultiTickerDataLoader({"store": place, "tickers": ["AAPL"]}) as loader:
            assert loader.load_data("2024-01-03", "2024-01-04")["AAPL_close"].tolist() == given["close"].tolist()
        manager.store.compact()
        assert kinds(place, manager.store) == ["ZSTD"]
        again = manager.get_cached_data("AAPL", "2024-01-03", "2024-01-04")
        assert again is not None
        pd.testing.assert_frame_equal(again, given)
        manager.store.verify()


def kinds(place, store=None):
    """How the live files' columns are compressed."""
    with mtstore.open(place) if store is None else contextlib.nullcontext(store) as opened:
        paths = opened.sql("SELECT path FROM files").to_arrow()["path"].to_pylist()
    groups = [pq.read_metadata(f"{place}/{path}").row_group(0) for path in paths]
    return sorted({group.column(number).compression for group in groups for number in range(group.num_columns)})


def test_nothing_comes_back_unless_the_whole_range_is_covered(cache):
    assert cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03") is None
    cache.cache_data("AAPL", minutes("2024-01-03 09:30", 390), "2024-01-03", "2024-01-04")
    assert cache.get_cached_data("AAPL", "2024-01-02", "2024-01-03") is None
    assert cache.get_cached_data("AAPL", "2024-01-04", "2024-01-05") is None
    assert cache.get_cached_data("MSFT", "2024-01-03", "2024-01-03") is None
    part = cache.get_cached_data("AAPL", "2024-01-03 10:00", "2024-01-03 10:05")
    assert list(part.index.strftime("%H:%M")) == ["10:00", "10:01", "10:02", "10:03", "10:04"]
    assert bar_count(cache.get_cached_data("AAPL", "2024-01-04", "2024-01-04")) == 0


def test_days_without_a_session_need_no_coverage(cache):
    cache.cache_data("AAPL", minutes("2024-01-05 09:30", 390), "2024-01-05", "2024-01-05")
    cache.cache_data("AAPL", minutes("2024-01-08 09:30", 390), "2024-01-08", "2024-01-08")
    assert bar_count(cache.get_cached_data("AAPL", "2024-01-05", "2024-01-08")) == 780
    cache.cache_data("X:BTCUSD", minutes("2024-01-05 09:30", 10), "2024-01-05", "2024-01-05")
    assert cache.get_cached_data("X:BTCUSD", "2024-01-05", "2024-01-06") is None


def test_an_overnight_session_begins_the_evening_before(tmp_path):
    config = {"multi_ticker": {"store": str(tmp_path / "s"), "tickers": {"ESH4": {"calendar": "CMES"}}}}
    with CacheManager(config) as cache:
        cache.cache_data("ESH4", minutes("2024-01-02 18:00", 60), "2024-01-03", "2024-01-03")
        assert bar_count(cache.get_cached_data("ESH4", "2024-01-03", "2024-01-03")) == 60
        assert cache.get_cached_data("ESH4", "2024-01-02", "2024-01-03") is None


def test_a_newer_answer_replaces_what_the_range_held(cache):
    cache.cache_data("AAPL", minutes("2024-01-03 09:30", 390), "2024-01-03", "2024-01-03")
    cache.cache_data("AAPL", minutes("2024-01-03 09:30", 3), "2024-01-03 09:30", "2024-01-03 16:00")
    assert bar_count(cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03")) == 3


@pytest.mark.parametrize(
    ("settings", "is_kept"),
    [
        ({"ttl_days": 0, "settle_days": None}, False),
        ({"ttl_days": None}, True),
        ({"ttl_days": 0, "settle_days": 3}, True),
        ({"ttl_days": 7, "settle_days": None}, True),
    ],
)
def test_freshness_follows_the_settings(tmp_path, settings, is_kept):
    with CacheManager({"cache": {"cache_dir": str(tmp_path / "cache"), **settings}}) as cache:
        cache.cache_data("AAPL", minutes("2024-01-03 09:30", 5), "2024-01-03", "2024-01-03")
        assert (cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03") is not None) == is_kept


def test_only_invalidated_ranges_are_fetched_again(cache):
    cache.cache_data("AAPL", minutes("2024-01-03 09:30", 390), "2024-01-03", "2024-01-05")
    cache.cache_data("MSFT", minutes("2024-01-03 09:30", 390), "2024-01-03", "2024-01-05")
    assert cache.invalidate("AAPL", "2024-01-04", "2024-01-04") == 1
    assert cache.get_cached_data("AAPL", "2024-01-03", "2024-01-05") is None
    assert bar_count(cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03")) == 390
    assert bar_count(cache.get_cached_data("MSFT", "2024-01-03", "2024-01-05")) == 390
    with pytest.raises(
        TickerError, match=r"nothing of ticker 'APPL' was ever stored or requested; did you mean 'AAPL'"
    ):
        cache.invalidate("APPL")
    assert cache.invalidate() == 2
    assert cache.invalidate() == 0
    assert cache.get_cached_data("MSFT", "2024-01-03", "2024-01-05") is None
    assert cache.store.sql("SELECT count(*) FROM bars").fetchall() == [(780,)]


@pytest.mark.parametrize("key", ["cache_dirr", "ttl_day", "max_size"])
def test_a_misspelt_key_of_the_section_names_the_nearest_of_it(tmp_path, key):
    with pytest.raises(ConfigError, match=rf"cache\.{key}: unknown key; did you mean"):
        CacheManager({key: str(tmp_path)})


def test_a_range_that_reaches_into_the_future_is_not_covered(cache):
    today = pd.Timestamp.now(tz=NEW_YORK).normalize()
    cache.cache_data("X:BTCUSD", minutes(today, 1), today, today + pd.Timedelta("2D"), schema="ohlcv-1m")
    assert cache.get_cached_data("X:BTCUSD", today, today + pd.Timedelta("2D")) is None


def test_rows_that_no_market_can_have_made_are_set_aside_and_their_part_is_not_covered(cache):
    frame = minutes("2024-01-03 09:30", 10)
    frame.loc[frame.index[4], "low"] = 1e6
    told = r"'AAPL': 1 of 10 rows cannot be bars .* at 2024-01-03 14:34:00 UTC: low is above open or close"
    with pytest.warns(UserWarning, match=told) as caught:
        cache.cache_data("AAPL", frame, "2024-01-03", "2024-01-03")
    assert caught[0].filename == __file__
    assert cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03") is None
    assert bar_count(cache.get_cached_data("AAPL", "2024-01-03 09:30", "2024-01-03 09:34")) == 4
    sql = "SELECT ticker, reason, origin FROM quarantine"
    assert cache.store.sql(sql).fetchall() == [("AAPL", "low is above open or close", "cache_data")]


def test_a_loader_sees_what_was_cached_and_has_a_manager_of_its_own(tmp_path):
    config = {"store": str(tmp_path / "store"), "tickers": ["AAPL"]}
    with CacheManager(config) as cache:
        cache.cache_data("AAPL", minutes("2024-01-03 09:30", 390), "2024-01-03", "2024-01-03")
    with MultiTickerDataLoader(config) as loader:
        assert len(loader.load_data("2024-01-03", "2024-01-03")) == 390
        assert bar_count(loader.cache_manager.get_cached_data("AAPL", "2024-01-03", "2024-01-03")) == 390


def test_two_sources_stay_separate(cache):
    frame = minutes("2024-01-03 09:30", 5)
    cache.cache_data("AAPL", frame, "2024-01-03", "2024-01-03", source="one")
    cache.cache_data("AAPL", frame * 2, "2024-01-03", "2024-01-03", source="two")
    with pytest.raises(InputError, match=r"'AAPL' is stored from several sources \(one, two\)"):
        cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03")
    assert cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03", source="two")["open"].iloc[0] == 200.0


def test_finest_bars_are_returned_by_default(cache):
    cache.cache_data("AAPL", minutes("2024-01-03 09:30", 5), "2024-01-03", "2024-01-03")
    days = minutes("2024-01-02", 3, step="1D")
    cache.cache_data("AAPL", days, "2024-01-02", "2024-01-04")
    assert bar_count(cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03")) == 5
    daily = cache.get_cached_data("AAPL", "2024-01-02", "2024-01-04", schema="ohlcv-1d")
    assert list(daily.index) == list(days.index)


def test_what_cannot_be_right_is_refused(cache):
    frame = minutes("2024-01-03 09:30", 5)
    with pytest.raises(InputError, match=r"'AAPL': 5 rows are outside .*, the first at 2024-01-03T14:30"):
        cache.cache_data("AAPL", frame, "2024-01-04", "2024-01-04")
    with pytest.raises(InputError, match="volume is missing"):
        cache.cache_data("AAPL", frame.drop(columns="volume"), "2024-01-03", "2024-01-03")
    with pytest.raises(InputError, match="0 rows do not show the bars' width; name a schema"):
        cache.cache_data("AAPL", frame.iloc[:0], "2024-01-03", "2024-01-03")
    with pytest.raises(InputError, match="4 of 5 rows are off the grid of ohlcv-5m; the rows are 1m apart"):
        cache.cache_data("AAPL", frame, "2024-01-03", "2024-01-03", schema="ohlcv-5m")
    with pytest.raises(RangeError, match="must have both ends"):
        cache.cache_data("AAPL", frame, "2024-01-03", None)
    assert cache.stats()["rows"] == 0


@pytest.mark.parametrize(("step", "schema"), [("1h", "ohlcv-1h"), ("4h", "ohlcv-4h")])
@pytest.mark.parametrize("stated", [True, False])
def test_hours_from_half_past_nine_are_hours(cache, step, schema, stated):
    frame = minutes("2023-11-03 09:30", 6, step=step)
    cache.cache_data("AAPL", frame, "2023-11-03", "2023-11-04", schema=schema if stated else None)
    assert cache.store.sql("SELECT DISTINCT schema FROM bars").fetchall() == [(schema,)]
    given = cache.get_cached_data("AAPL", "2023-11-03", "2023-11-04")
    pd.testing.assert_frame_equal(given[list(frame.columns)], frame, check_freq=False, check_names=False)


def test_rows_that_are_farther_apart_than_the_given_schema_warn_or_are_refused(cache):
    days = minutes("2024-01-03", 6, step="1D")
    with pytest.raises(InputError, match=r"'AAPL': its rows are a day or more apart, .* is it ohlcv-1d\?"):
        cache.cache_data("AAPL", days, "2024-01-03", "2024-01-08", schema="ohlcv-1m")
    frame = minutes("2024-01-03 09:30", 6, step="5min")
    with pytest.warns(UserWarning, match="'AAPL': every gap is 5m or a multiple of it: is the schema ohlcv-5m"):
        cache.cache_data("AAPL", frame, "2024-01-03", "2024-01-03", schema="ohlcv-1m")
    assert bar_count(cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03")) == 6


def test_an_hour_of_an_own_grid_that_is_still_open_is_not_covered(cache):
    last = pd.Timestamp.now("UTC").floor("h") + pd.Timedelta(minutes=-30)
    times = pd.date_range(end=last, periods=6, freq="1h")
    frame = minutes(times[0], 6, tz=None, step="1h")
    cache.cache_data("X:BTCUSD", frame, times[0].date(), last.date(), schema="ohlcv-1h")
    ((end,),) = cache.store.sql("SELECT max(end_ts) FROM coverage").fetchall()
    is_closed = pd.Timestamp.now("UTC") >= last + pd.Timedelta(hours=1)
    assert end == (last + pd.Timedelta(hours=1) if is_closed else last)


def test_stats_count_what_is_held_and_how_often_it_helped(cache):
    cache.cache_data("AAPL", minutes("2024-01-03 09:30", 5), "2024-01-03", "2024-01-03")
    cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03")
    cache.get_cached_data("AAPL", "2024-02-03", "2024-02-03")
    stats = cache.stats()
    assert {key: stats[key] for key in ("series", "rows", "ranges", "stale_series", "hits", "misses", "hit_rate")} == {
        "series": 1, "rows": 5, "ranges": 1, "stale_series": 0, "hits": 1, "misses": 1, "hit_rate": 0.5,
    }  # fmt: skip
    assert 0 < stats["bytes"] < stats["max_bytes"] == 10_000_000_000


def test_size_above_max_size_gb_warns(tmp_path):
    with (
        CacheManager({"cache_dir": str(tmp_path / "cache"), "max_size_gb": 1e-9}) as cache,
        pytest.warns(UserWarning, match="more than max_size_gb"),
    ):
        cache.cache_data("AAPL", minutes("2024-01-03 09:30", 5), "2024-01-03", "2024-01-03")


def test_a_disabled_cache_holds_nothing(tmp_path):
    with CacheManager({"cache_dir": str(tmp_path / "cache"), "enabled": False}) as cache:
        cache.cache_data("AAPL", minutes("2024-01-03 09:30", 5), "2024-01-03", "2024-01-03")
        assert cache.get_cached_data("AAPL", "2024-01-03", "2024-01-03") is None
        assert cache.stats()["rows"] == 0


def _cache_one(path, ticker):
    with CacheManager({"cache_dir": path}) as cache:
        cache.cache_data(ticker, minutes("2024-01-03 09:30", 30), "2024-01-03", "2024-01-03")


def test_processes_and_threads_write_at_once_and_nothing_is_lost(tmp_path):
    path = str(tmp_path / "cache")
    mtstore.open(path, create=True).close()
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_cache_one, args=(path, f"P{number}")) for number in range(2)]
    for process in processes:
        process.start()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: _cache_one(path, f"T{number}"), range(3)))
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    with CacheManager({"cache_dir": path}) as cache:
        for ticker in ("P0", "P1", "T0", "T1", "T2"):
            assert bar_count(cache.get_cached_data(ticker, "2024-01-03", "2024-01-03")) == 30
    assert threading.active_count() == 1


def test_misspelt_cache_key_names_the_nearest():
    with pytest.raises(ConfigError, match=r"cache\.cache_dirr: unknown key; did you mean 'cache_dir'"):
        CacheManager({"cache_dirr": "x", "ttl_days": 1})
    with pytest.raises(ConfigError, match=r"cache_dir: unknown key here; it belongs to (multi_ticker\.)?cache"):
        CacheManager({"cache_dir": "x", "tickers": ["AAA"]})


def test_every_key_of_the_cache_section_may_stand_alone(tmp_path):
    with CacheManager({"cache_dir": str(tmp_path / "store"), "derived": False, "enabled": True}) as manager:
        assert manager.store.path == tmp_path / "store"
        assert not manager.config.multi_ticker.cache.derived


def test_cached_prices_of_futures_may_be_negative(tmp_path):
    config = {"store": str(tmp_path / "store"), "tickers": {"CLK0": {"calendar": "CMES"}, "AAPL": {}}}
    frame = minutes("2020-04-20 14:00", 3) * [-1, -1, -1, -1, 1]
    frame[["high", "low"]] = frame[["low", "high"]].to_numpy()
    with CacheManager(config) as cache:
        cache.cache_data("CLK0", frame, "2020-04-20 14:00", "2020-04-20 14:03")
        assert bar_count(cache.get_cached_data("CLK0", "2020-04-20 14:00", "2020-04-20 14:03")) == 3
        with pytest.warns(UserWarning, match="3 of 3 rows cannot be bars"):
            cache.cache_data("AAPL", frame, "2020-04-20 14:00", "2020-04-20 14:03")
