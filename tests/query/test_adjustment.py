"""Adjusted prices at every door: loads, chunks, tensors, cached results; and the dividends that cannot be applied."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore.cli.main import run as run_command
from mtstore.ingest.files.report import IngestWarning
from mtstore.loader.validation.outcome import DataQualityWarning
from mtstore.query.overlay.config_overlay import ConfigOverlay, overlay_config

NEW_YORK = "America/New_York"
# A half of a price before the split, and a dividend of 2 on the same date: 100 / 2 - 2.
SPLITS = "ticker,execution_date,split_from,split_to\nA,2024-03-20,1,2\n"
DIVIDENDS = "ticker,ex_dividend_date,cash_amount\nA,2024-03-20,2\n"
TOO_LARGE = "ticker,ex_dividend_date,cash_amount\nA,2024-03-20,30\nA,2024-03-20,20\n"
REASON = "A: the dividend of 50 on 2024-03-20 is not below the close before it, 50, so it adjusts nothing"


def days(first: str, last: str, close: float) -> pd.DataFrame:
    index = pd.bdate_range(first, last, tz=NEW_YORK, name="ts_event")
    return pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 10.0}, index)


def add_days(store: mtstore.Store, frame: pd.DataFrame, ticker: str = "A") -> None:
    store.ingest(frame, ticker=ticker, schema="ohlcv-1d", tz=NEW_YORK)


def add_events(store: mtstore.Store, folder: Path, *, splits: str = "", dividends: str = "") -> None:
    paths = {}
    for kind, text in (("splits", splits), ("dividends", dividends)):
        path = folder / f"{kind}.csv"
        path.write_text(text)
        paths[kind] = [path] if text else []
    store.ingest_references(splits=paths["splits"], dividends=paths["dividends"])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[mtstore.Store]:
    """Ticker A in days of 100, after 2024-03-20 of 48, B always at 10."""
    with mtstore.open(tmp_path / "store", create=True) as made:
        add_days(made, pd.concat([days("2024-03-04", "2024-03-19", 100), days("2024-03-20", "2024-03-28", 48)]))
        add_days(made, days("2024-03-04", "2024-03-28", 10), "B")
        yield made


def loader(store: mtstore.Store, **alignment: object) -> mtstore.MultiTickerDataLoader:
    options = {"resampling": "1d", "adjust": "all"} | alignment
    config = {"store": str(store.path), "tickers": ["A", "B"], "alignment": options, "validation": {"enabled": False}}
    return mtstore.MultiTickerDataLoader(config)


@pytest.mark.parametrize("resampling", ["1d", "1w"])
def test_adjusted_loads_chunks_and_tensors_agree(store, tmp_path, resampling):
    add_events(store, tmp_path, splits=SPLITS, dividends=DIVIDENDS)
    with loader(store, resampling=resampling) as loads:
        whole = loads.load_data("2024-03-04", "2024-03-28")
        chunks = pd.concat(loads.iter_data("2024-03-04", "2024-03-28", "5D"))
    pd.testing.assert_frame_equal(chunks, whole, check_freq=False)
    assert set(whole["A_close"]) == {48.0}
    assert set(whole["B_close"]) == {10.0}
    tensor = store.tensor("A", resampling, "2024-03-04", "2024-03-28", fields="close", adjust="all")
    assert set(tensor.values[tensor.mask].ravel()) == {48.0}
    rows = store.resample("A", resampling, "2024-03-04", "2024-03-28", adjust="all").to_arrow()
    assert set(rows["close"].to_pylist()) == {48.0}
    # A range before the events is adjusted by them, too.
    assert set(store.resample("A", resampling, None, "2024-03-15", adjust="all").to_pandas()["close"]) == {48.0}


def test_minutes_and_days_have_the_same_factors(store, tmp_path):
    open_, later = pd.Timestamp("2024-03-19 15:58", tz=NEW_YORK), pd.Timestamp("2024-03-20 09:30", tz=NEW_YORK)
    index = pd.DatetimeIndex([open_, open_ + pd.Timedelta("1min"), open_ + pd.Timedelta("1h"), later], name="ts_event")
    close = np.array([90.0, 100.0, 110.0, 48.0])  # 110 is after the close
    frame = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 10.0}, index)
    store.ingest(frame, ticker="A", schema="ohlcv-1m")
    add_events(store, tmp_path, splits=SPLITS, dividends=DIVIDENDS)
    found = store.resample("A", "1min", adjust="all", session="all").to_arrow()
    assert found["close"].to_pylist() == pytest.approx([90 * 0.48, 48.0, 110 * 0.48, 48.0])
    assert found["volume"].to_pylist() == [20.0, 20.0, 20.0, 10.0]


def test_factors_follow_bars_outside_of_the_range_of_a_cached_result(store, tmp_path):
    add_events(store, tmp_path, splits="ticker,execution_date,split_from,split_to\nA,2024-06-10,1,2\n")

    def closes(adjust: str) -> set[float]:
        tensor = store.tensor("A", "1d", "2024-03-04", "2024-03-08", fields="close", adjust=adjust, mmap=True)
        return set(tensor.values.ravel().tolist())

    assert closes("splits") == {100.0}
    add_days(store, days("2024-06-07", "2024-06-10", 24))  # the split is executed
    assert closes("splits") == {50.0}
    add_events(store, tmp_path, dividends="ticker,ex_dividend_date,cash_amount\nA,2024-06-10,6\n")
    assert closes("all") == {25.0}  # 1 - 6 / 12
    add_days(store, days("2024-06-07", "2024-06-07", 48))
    assert closes("all") == {37.5}  # 1 - 6 / 24


def test_a_dividend_as_high_as_the_close_adjusts_nothing_and_is_reported(store, tmp_path):
    with pytest.warns(IngestWarning, match=REASON):
        add_events(store, tmp_path, splits=SPLITS, dividends=TOO_LARGE)
    calls = [
        lambda: store.resample("A", "1d", adjust="all").to_pandas()["close"],
        lambda: store.align(["A", "B"], "1d", adjust="all").to_pandas()["A_close"],
        lambda: store.tensor("A", "1d", "2024-03-04", "2024-03-28", fields="close", adjust="all").values[:, 0, 0],
    ]
    for call in calls:
        with pytest.warns(UserWarning, match=REASON):
            assert list(call()) == [50.0] * 12 + [48.0] * 7
    with loader(store) as loads:
        for _ in range(2):  # a cached table does not silence it
            with pytest.warns(DataQualityWarning, match=REASON):
                loads.load_data("2024-03-04", "2024-03-28")
        with pytest.warns(DataQualityWarning, match=REASON):
            list(loads.iter_data("2024-03-04", "2024-03-28", "5D"))
    place = ["--tickers", "A,B", "--interval", "1d", "--start", "2024-03-04", "--end", "2024-03-28"]
    with pytest.warns(DataQualityWarning, match=REASON):  # which the command line writes as a line
        assert run_command(["load", str(store.path), *place, "--adjust", "all"]) == 0


def test_only_dividends_that_would_adjust_the_range_are_reported(store, tmp_path):
    with pytest.warns(IngestWarning):
        add_events(store, tmp_path, splits=SPLITS, dividends=TOO_LARGE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.resample("A", "1d", "2024-03-20", adjust="all").to_arrow()
        store.resample("B", "1d", adjust="all").to_arrow()
        store.resample("A", "1d", adjust="splits").to_arrow()
    with pytest.warns(UserWarning, match=REASON):
        store.resample("A", "1d", None, "2024-03-08", adjust="all").to_arrow()


def test_the_command_line_reports_what_it_refuses(store, tmp_path, capfd):
    add_events(store, tmp_path, splits=SPLITS)
    path = tmp_path / "dividends.csv"
    path.write_text(TOO_LARGE)
    assert run_command(["ingest", str(store.path), "--dividends", str(path)]) == 0
    assert REASON in capfd.readouterr().err


def test_closes_before_dividends_follow_other_sessions_of_a_configuration(store, tmp_path):
    times = pd.DatetimeIndex(["2024-03-19 12:00", "2024-03-19 15:00", "2024-03-20 10:00"], name="ts_event")
    close = np.array([40.0, 50.0, 48.0])
    frame = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 10.0}, times)
    store.ingest(frame, ticker="C", schema="ohlcv-1m", tz=NEW_YORK)
    add_events(store, tmp_path, dividends="ticker,ex_dividend_date,cash_amount\nC,2024-03-20,10\n")
    closes = "SELECT previous_close FROM core.dividend_closes WHERE ticker = 'C'"
    assert store.sql(closes).fetchall() == [(50.0,)]
    window = {"session_start": "09:30", "session_end": "13:00", "timezone": NEW_YORK}
    for ticker, expected in (({"ticker": "C"} | window, 40.0), ({"ticker": "B"}, 50.0)):
        with overlay_config(store.repository, ConfigOverlay([ticker])) as connection:
            assert connection.execute(closes).fetchall() == [(expected,)]
