"""Bars that miss the sessions of their calendar are stored with a warning that names what to set."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mtstore
from mtstore import CacheManager, DataAligner, IngestWarning, MultiTickerDataLoader
from mtstore.cli.exit_codes import Exit
from mtstore.cli.main import run as run_command
from mtstore.config import load_config
from mtstore.storage.settings.apply_config import apply_config

WEEKEND = pd.date_range("2024-01-06", "2024-01-08 23:59", freq="1min", tz="UTC")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[mtstore.Store]:
    with mtstore.open(tmp_path / "store", create=True) as opened:
        yield opened


def bars(times: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 100.0}, index=times)
    return frame.rename_axis("ts_event")


def minutes(start: str, count: int, tz: str | None = None) -> pd.DataFrame:
    return bars(pd.date_range(start, periods=count, freq="1min", tz=tz))


def config_of(store: mtstore.Store, ticker: str, interval: str = "1d", **settings: str) -> dict[str, Any]:
    alignment = {"resampling": interval}
    return {"multi_ticker": {"store": str(store.path), "tickers": {ticker: settings}, "alignment": alignment}}


WRONG_ZONE = r"390 of 390 bars would lie in XNYS hours as America/New_York, 150 do as UTC: is `tz` right\?"


def test_naive_local_times_warn_of_the_zone(store: mtstore.Store) -> None:
    with pytest.warns(IngestWarning, match=rf"^AAPL: {WRONG_ZONE}"):
        result = store.ingest(minutes("2023-11-03 09:30", 390), ticker="AAPL", schema="ohlcv-1m")
    assert (result.rows, result.is_complete) == (390, True)


def test_pre_market_bars_with_a_wrong_zone_warn(store: mtstore.Store) -> None:
    with pytest.warns(IngestWarning, match=r"390 of 960 bars would lie in XNYS hours as America/New_York"):
        store.ingest(minutes("2024-01-08 04:00", 960), ticker="AAPL", schema="ohlcv-1m")


def test_files_warn_once_for_all_their_tickers(
    store: mtstore.Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["AAPL", "IBM"]
    for name in names:
        minutes("2023-11-03 09:30", 390).assign(ticker=name).to_csv(tmp_path / f"{name}.csv")
    files = [str(tmp_path / f"{name}.csv") for name in names]
    assert run_command(["ingest", str(store.path), "-q", *files, "--schema", "ohlcv-1m"]) == Exit.OK
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "is `tz` right?" in line]
    assert "AAPL, IBM: 780 of 780 bars would lie in XNYS hours as America/New_York, 300 do as UTC" in line


def test_days_without_sessions_warn(store: mtstore.Store) -> None:
    days = pd.to_datetime(["2023-11-04", "2023-11-05", "2023-11-11"])
    with pytest.warns(IngestWarning, match=r"^AAPL: 3 of 3 days are not sessions of XNYS"):
        store.ingest(bars(days), ticker="AAPL", schema="ohlcv-1d", tz="America/New_York")


@pytest.mark.parametrize(
    ("ticker", "share", "guess"), [("BASKET", "91 %", "XNYS"), ("EURUSD", "64 %", "FOREX"), ("ESH4", "65 %", "CMES")]
)
def test_bars_decide_the_calendar_that_a_guess_would_hide(
    store: mtstore.Store, ticker: str, share: str, guess: str
) -> None:
    words = f"{share} of the bars of {ticker} lie outside {guess}, the calendar that was guessed: 24/7 is used"
    with pytest.warns(IngestWarning, match=f"^{words}"):
        store.ingest(bars(WEEKEND), ticker=ticker, schema="ohlcv-1m", covers=("2024-01-06", "2024-01-08"))
    words = f"the calendar of {ticker} is 24/7, because {guess}, which was guessed, has too few of its bars"
    for interval in ("1d", "1min"):
        with (
            MultiTickerDataLoader(config_of(store, ticker, interval)) as loader,
            pytest.warns(UserWarning, match=words),
        ):
            assert loader.load_data("2024-01-06", "2024-01-08")[f"{ticker}_volume"].sum() == 432_000
    with pytest.warns(UserWarning, match=words):
        store.align([ticker], "1d", "2024-01-06", "2024-01-08").to_pandas()
    assert store.sql(f"SELECT sum(bar_count) FROM resampled(['{ticker}'], '1d')").fetchall() == [(4_320,)]
    assert store.sql("SELECT calendar, calendar_is_inferred FROM tickers").fetchall() == [("24/7", True)]


def test_bars_of_weekdays_have_the_hours_of_spot_currencies(store: mtstore.Store) -> None:
    words = "100 % of the bars of 7203 lie outside XNYS, the calendar that was guessed: FOREX is used"
    with pytest.warns(IngestWarning, match=f"^{words}"):
        store.ingest(minutes("2023-11-06 09:00", 150, "Asia/Tokyo"), ticker="7203", schema="ohlcv-1m")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.ingest(minutes("2024-11-06 09:00", 150, "Asia/Tokyo"), ticker="7203", schema="ohlcv-1m")
    with pytest.warns(UserWarning, match="the calendar of 7203 is FOREX"):
        assert len(store.align(["7203"], "1min", "2023-11-06", "2023-11-06").to_pandas()) == 150


def test_a_few_bars_elsewhere_do_not_change_a_calendar(store: mtstore.Store) -> None:
    for day in pd.bdate_range("2024-01-08", "2024-01-12"):
        store.ingest(minutes(f"{day:%F} 09:30", 390, "America/New_York"), ticker="AAPL", schema="ohlcv-1m")
    with pytest.warns(IngestWarning, match="100 % of the bars of AAPL lie outside XNYS, which was guessed; set"):
        store.ingest(minutes("2024-01-13 09:30", 60, "America/New_York"), ticker="AAPL", schema="ohlcv-1m")
    assert store.sql("SELECT calendar FROM tickers").fetchall() == [("XNYS",)]


def test_a_calendar_that_bars_decided_outlives_a_rebuild(store: mtstore.Store) -> None:
    with pytest.warns(IngestWarning, match="24/7 is used"):
        store.ingest(bars(WEEKEND), ticker="BASKET", schema="ohlcv-1m")
    assert run_command(["rebuild", str(store.path)]) == Exit.OK
    assert store.sql("SELECT calendar FROM tickers").fetchall() == [("24/7",)]


def test_a_configured_calendar_goes_before_one_that_bars_decided(store: mtstore.Store) -> None:
    with pytest.warns(IngestWarning, match="24/7 is used"):
        store.ingest(bars(WEEKEND), ticker="BASKET", schema="ohlcv-1m")
    apply_config(store.repository, load_config(config_of(store, "BASKET", calendar="XNYS")))
    assert store.sql("SELECT calendar FROM tickers").fetchall() == [("XNYS",)]


@pytest.mark.parametrize(("ticker", "calendar"), [("BASKET", "24/7"), ("EURUSD", "24/7"), ("BTC-PERP", None)])
def test_a_calendar_with_all_bars_does_not_warn(
    store: mtstore.Store, tmp_path: Path, ticker: str, calendar: str | None
) -> None:
    settings = {} if calendar is None else {"calendar": calendar}
    path = tmp_path / "config.json"
    path.write_text(str(config_of(store, ticker, **settings)).replace("'", '"'))
    assert run_command(["config", "apply", str(store.path), str(path)]) == Exit.OK
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.ingest(bars(WEEKEND), ticker=ticker, schema="ohlcv-1m", covers=("2024-01-06", "2024-01-08"))
        with MultiTickerDataLoader(config_of(store, ticker, **settings)) as loader:
            assert len(loader.load_data("2024-01-06", "2024-01-08")) == 3


@pytest.mark.parametrize(
    ("start", "count", "tz", "ticker"),
    [
        ("2024-01-08 04:00", 960, "America/New_York", "AAPL"),
        ("2024-07-08 08:00", 960, None, "AAPL"),  # extended hours in UTC
        ("2023-11-24 09:30", 210, "America/New_York", "AAPL"),  # half a day
        ("2024-01-08 04:00", 330, "America/New_York", "AAPL"),  # the pre-market of a day
        ("2024-01-06 00:00", 2_880, None, "X:BTCUSD"),
        ("2024-01-07 22:00", 1_440, None, "EURUSD"),
        ("2024-01-08 00:00", 1_440, None, "ESH4"),
        ("2023-11-06 09:00", 150, "Asia/Tokyo", "7203.T"),
        ("2024-01-08 09:00", 5, None, "AAPL"),
    ],
)
def test_bars_in_their_sessions_do_not_warn(
    store: mtstore.Store, start: str, count: int, tz: str | None, ticker: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.ingest(minutes(start, count, tz), ticker=ticker, schema="ohlcv-1m")
        store.align([ticker], "1min").to_pandas()


def test_days_on_sessions_do_not_warn(store: mtstore.Store) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.ingest(bars(pd.bdate_range("2023-03-06", "2023-03-31")), ticker="AAPL", schema="ohlcv-1d")


def test_a_range_without_bars_does_not_blame_the_calendar(store: mtstore.Store) -> None:
    store.ingest(minutes("2023-11-03 09:30", 390, "America/New_York"), ticker="AAPL", schema="ohlcv-1m")
    store.ingest(minutes("2023-11-06 09:30", 390, "America/New_York"), ticker="AAPL", schema="ohlcv-1m")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.align(["AAPL"], "1min", "2023-11-04", "2023-11-05").to_pandas().empty


def test_cached_frames_warn_like_ingested_ones(store: mtstore.Store) -> None:
    utc = config_of(store, "AAPL")
    utc["multi_ticker"]["alignment"]["timezone"] = "UTC"
    cache = CacheManager(utc, store=store)
    frame = minutes("2023-11-03 09:30", 390)
    with pytest.warns(IngestWarning, match=rf"^AAPL: {WRONG_ZONE}"):
        cache.cache_data("AAPL", frame, "2023-11-03", "2023-11-03")
    with pytest.warns(IngestWarning, match=r"^91 % of the bars of BASKET lie outside XNYS, .*: 24/7 is used"):
        cache.cache_data("BASKET", bars(WEEKEND), "2024-01-06", "2024-01-08")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.cache_data("AAPL", frame.tz_localize("America/New_York"), "2023-11-03", "2023-11-03")
        configured = CacheManager(config_of(store, "BASKET", calendar="24/7"), store=store)
        configured.cache_data("BASKET", bars(WEEKEND), "2024-01-06", "2024-01-08")


def test_aligned_frames_warn_of_a_guessed_calendar() -> None:
    with pytest.warns(UserWarning, match=r"^91 % of the bars of BASKET lie outside XNYS, .*: 24/7 is used"):
        assert len(DataAligner(resampling="1d").align_data({"BASKET": bars(WEEKEND)})) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(DataAligner(resampling="1d", calendar="24/7").align_data({"BASKET": bars(WEEKEND)})) == 3
        DataAligner().align_data({"AAPL": minutes("2023-11-03 09:30", 390)})


@pytest.mark.parametrize(("style", "notes"), [("%Y-%m-%dT%H:%M", 1), ("%Y-%m-%dT%H:%MZ", 0), ("%Y-%m-%dT%H:%M%z", 0)])
def test_only_times_without_a_zone_are_in_question(
    store: mtstore.Store, tmp_path: Path, style: str, notes: int
) -> None:
    # The pre-market in UTC: as wall times of New York, most of it would be in regular hours.
    frame = minutes("2024-01-08 04:00", 330, "America/New_York").tz_convert("UTC")
    frame.set_index(pd.DatetimeIndex(frame.index).strftime(style)).rename_axis("ts_event").to_csv(tmp_path / "aapl.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IngestWarning)
        result = store.ingest_files(tmp_path / "aapl.csv", ticker="AAPL", schema="ohlcv-1m")
    assert (result.rows, len(result.notes)) == (330, notes)


def test_bars_before_the_listed_years_are_named_at_ingest_and_load(store: mtstore.Store) -> None:
    apply_config(store.repository, load_config(config_of(store, "N", calendar="XNYS")))
    words = "390 bars of N before 1990-01-02, the first known session of XNYS, in no session"
    with pytest.warns(IngestWarning, match=f"^{words}"):
        store.ingest(minutes("1987-10-19 09:30", 390, "America/New_York"), ticker="N", schema="ohlcv-1m")
    store.ingest(minutes("2024-03-07 09:30", 390, "America/New_York"), ticker="N", schema="ohlcv-1m")
    with (
        MultiTickerDataLoader(config_of(store, "N", calendar="XNYS")) as loader,
        pytest.warns(
            UserWarning, match="bars of N before 1990-01-02, the first known session of XNYS, are in no session"
        ),
    ):
        loader.load_data("1987-10-19", "1987-10-19")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.align(["N"], "1min", "2024-03-07", "2024-03-07").to_pandas()


def test_sessions_beyond_the_listed_years_are_extrapolated(store: mtstore.Store) -> None:
    apply_config(store.repository, load_config(config_of(store, "T", calendar="XBOM")))
    where = "FROM sessions WHERE calendar = 'XBOM' AND is_extrapolated"
    first, count = store.sql(f"SELECT min(session_date)::VARCHAR, count(*) {where}").fetchall()[0]
    assert (first, count) == ("2027-01-01", 261)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.ingest(minutes("2027-01-04 09:15", 375, "Asia/Kolkata"), ticker="T", schema="ohlcv-1m")
    assert store.sql("SELECT count(*) FROM resampled(['T'], '1min')").fetchall() == [(375,)]
