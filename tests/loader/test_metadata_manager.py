from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore import MetadataManager, MultiTickerDataLoader
from mtstore.errors import InputError, RangeError, StoreNotFoundError, TickerError

NEW_YORK = "America/New_York"
DAYS = pd.bdate_range("2024-01-02", "2024-01-05")


def test_updates_are_merged_into_what_is_known(store):
    manager = MetadataManager(store)
    assert manager.get_ticker_metadata("AAPL") == {}
    manager.update_ticker_metadata("AAPL", {"sector": "Technology", "ids": {"figi": "BBG", "cik": 1}})
    after = manager.update_ticker_metadata("AAPL", {"ids": {"cik": 2}}, market_cap=3e12, listed=None)
    assert after == {"sector": "Technology", "ids": {"figi": "BBG", "cik": 2}, "market_cap": 3e12, "listed": None}
    assert manager.get_ticker_metadata("AAPL") == after
    assert manager.update_ticker_metadata("AAPL", remove=["ids", "listed"]) == {
        "sector": "Technology",
        "market_cap": 3e12,
    }


def test_a_manager_opened_by_path_sees_what_another_wrote_and_is_a_mapping_of_tickers(store):
    MetadataManager(store).update_many({"B": {"x": 1}, "A": {"y": [1, {"z": None}]}})
    with MetadataManager(store.path) as manager:
        assert dict(manager) == {"A": {"y": [1, {"z": None}]}, "B": {"x": 1}}
        assert len(manager) == 2
        with pytest.raises(KeyError):
            manager["C"]


def test_versions_keep_their_times_through_a_rebuild(store):
    manager = MetadataManager(store)
    before = datetime.now(UTC)
    manager.update_ticker_metadata("A", cap=1)
    manager.update_ticker_metadata("B", cap=9)
    manager.update_ticker_metadata("A", cap=1)
    between = datetime.now(UTC)
    manager.update_ticker_metadata("A", cap=2)
    snapshot = store.repository.layout.newest_snapshot()
    store.rebuild()
    history = manager.get_history("A")
    assert [version.metadata for version in history] == [{"cap": 1}, {"cap": 2}]
    assert before < history[0].known_at < between < history[1].known_at
    assert history[1].snapshot == snapshot
    assert manager.get_ticker_metadata("A", as_of=between) == {"cap": 1}
    assert manager.get_ticker_metadata("A", as_of=before) == {}
    assert manager.get_ticker_metadata("A") == {"cap": 2}


def test_an_update_that_changes_nothing_is_no_commit(store):
    manager = MetadataManager(store)
    manager.update_ticker_metadata("A", cap=1)
    snapshot = store.repository.layout.newest_snapshot()
    manager.update_ticker_metadata("A", {"cap": 1})
    manager.update_ticker_metadata("NEW", {})
    assert store.repository.layout.newest_snapshot() == snapshot


def test_sql_sees_the_metadata_in_the_view_of_tickers(store):
    MetadataManager(store).update_ticker_metadata("A", sector="Energy", weight=0.5)
    sql = "SELECT ticker, metadata->>'$.sector', (metadata->>'$.weight')::DOUBLE FROM tickers"
    assert store.sql(sql).fetchall() == [("A", "Energy", 0.5)]


def test_an_update_keeps_the_other_settings_of_a_ticker(store):
    from mtstore.config import load_config
    from mtstore.storage.settings.apply_config import apply_config

    apply_config(
        store.repository, load_config({"tickers": {"A": {"weight": 1.0, "priority": 3, "metadata": {"x": 1}}}})
    )
    MetadataManager(store).update_ticker_metadata("A", y=2)
    MetadataManager(store).set_active_range("A", "2020-01-31")
    sql = "SELECT weight, priority, in_universe, active_from::VARCHAR, active_to, metadata FROM tickers"
    assert store.sql(sql).fetchall() == [(1.0, 3, True, "2020-01-31", None, '{"x": 1, "y": 2}')]


def test_updates_from_many_threads_are_all_stored(store):
    def update(number):
        with MetadataManager(store.path) as manager:
            manager.update_ticker_metadata("A", {f"key{number}": number})

    threads = [threading.Thread(target=update, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert MetadataManager(store)["A"] == {f"key{number}": number for number in range(5)}


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, datetime(2024, 1, 1, tzinfo=UTC)])
def test_what_json_cannot_hold_is_refused(store, value):
    with pytest.raises(InputError, match="A: metadata must be JSON values"):
        MetadataManager(store).update_ticker_metadata("A", value=value)


def test_names_that_cannot_be_right_are_refused(store, tmp_path):
    with pytest.raises(TickerError):
        MetadataManager(store).update_ticker_metadata(" A", x=1)
    with pytest.raises(StoreNotFoundError):
        MetadataManager(tmp_path / "nowhere")


# ---- active ranges ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Two tickers, the first three half hours of each of four sessions."""
    with mtstore.open(tmp_path_factory.mktemp("market") / "store", create=True) as store:
        _add_bars(store)
        yield store


def _add_bars(store):
    times = [day + timedelta(minutes=570 + 30 * step) for day in DAYS for step in range(3)]
    index = pd.DatetimeIndex(times, name="ts_event").tz_localize(NEW_YORK)
    for number, ticker in enumerate(("A", "B"), start=1):
        price = np.arange(1.0, len(index) + 1) * number
        frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": 1.0}, index=index)
        covers = ("2024-01-01", "2024-01-07")
        store.ingest(frame.tz_convert("UTC"), ticker=ticker, schema="ohlcv-30m", covers=covers)


def load(store, method, resampling="30min", **entry):
    config = {
        "store": store.path,
        "tickers": {"A": entry, "B": {}},
        "alignment": {"method": method, "resampling": resampling},
    }
    with MultiTickerDataLoader(config) as loader:
        return loader.load_data("2024-01-01", "2024-01-05")


def dates_of(frame, column):
    kept = frame[column].dropna()
    return sorted({stamp.date() for stamp in kept.index})


ACTIVE = {"active_from": "2024-01-03", "active_to": "2024-01-04"}
ACTIVE_DAYS = [date(2024, 1, 3), date(2024, 1, 4)]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("method", ["outer_join", "forward_fill"])
def test_a_ticker_is_missing_outside_of_its_active_range_and_nothing_is_filled_in_there(market, method):
    frame = load(market, method, **ACTIVE)
    assert len(frame) == 12
    assert dates_of(frame, "A_close") == dates_of(frame, "A_volume") == ACTIVE_DAYS
    assert len(dates_of(frame, "B_close")) == 4


def test_an_inner_join_ends_with_the_active_ranges(market):
    frame = load(market, "inner_join", **ACTIVE)
    assert sorted({stamp.date() for stamp in frame.index}) == ACTIVE_DAYS


def test_a_week_is_made_of_the_active_sessions_alone(market):
    frame = load(market, "outer_join", "1w", **ACTIVE)
    assert frame["A_volume"].tolist() == [6.0]
    assert frame["A_open"].tolist() == [4.0]
    assert frame["B_volume"].tolist() == [12.0]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("method", ["outer_join", "inner_join", "forward_fill"])
def test_what_was_said_to_the_manager_holds_in_python_and_in_sql(market, method):
    wanted = load(market, method, **ACTIVE)
    MetadataManager(market).set_active_range("A", **ACTIVE)
    pd.testing.assert_frame_equal(load(market, method), wanted)
    macro = {"outer_join": "aligned_outer", "inner_join": "aligned_inner", "forward_fill": "aligned_ffill"}[method]
    sql = (
        "SELECT ts_event, close, volume FROM " + macro + "(['A', 'B'], INTERVAL 30 MINUTE, "
        "start_ts := DATE '2024-01-01', end_ts := DATE '2024-01-05') WHERE ticker = 'A' ORDER BY ts_event"
    )
    rows = market.sql(sql).to_pandas()
    np.testing.assert_array_equal(rows["close"].to_numpy(float), wanted["A_close"].to_numpy())
    np.testing.assert_array_equal(rows["volume"].to_numpy(float), wanted["A_volume"].to_numpy())


def test_an_active_range_that_cannot_be_right_is_refused(store):
    manager = MetadataManager(store)
    manager.update_ticker_metadata("A", sector="Tech")
    with pytest.raises(RangeError, match="A: active_from 2024-01-04 is after active_to 2024-01-03"):
        manager.set_active_range("A", "2024-01-04", "2024-01-03")
    with pytest.raises(RangeError, match=r"active_to: was .*; use a date like"):
        manager.set_active_range("A", active_to="2024-01-03 10:00")


def test_active_range_of_unknown_ticker_raises(market):
    with MetadataManager(market, configured={"NEWCO": {}}) as manager:
        with pytest.raises(TickerError, match=r"ticker 'NEWC' is neither configured nor known.*did you mean 'NEWCO'"):
            manager.set_active_range("NEWC", "2024-01-03")
        assert manager.get_history("NEWC") == []
        manager.set_active_range("NEWCO", "2024-01-03")
        assert [str(version.active_from) for version in manager.get_history("NEWCO")] == ["2024-01-03"]
    manager = MetadataManager(market)
    manager.update_ticker_metadata("DESCRIBED", sector="Tech")
    manager.set_active_range("DESCRIBED", "2024-01-03")


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("calendar", r"set multi_ticker.tickers.CLK0.calendar in a configuration and run `mtstore config apply"),
        ("bar_interval", r"set multi_ticker.tickers.CLK0.resampling"),
        ("active_from", r"call set_active_range\('CLK0', …\)"),
    ],
)
def test_settings_are_not_metadata(store, key, remedy):
    manager = MetadataManager(store)
    for update in (manager.update_ticker_metadata, lambda ticker, values: manager.update_many({ticker: values})):
        with pytest.raises(InputError, match=rf"CLK0: metadata: {key} is a setting.*{remedy}"):
            update("CLK0", {key: "CMES", "sector": "Energy"})
    assert list(manager) == []
