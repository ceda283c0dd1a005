"""The calendar of a ticker that has none configured follows from its name and its source."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mtstore
from mtstore import infer_calendar as inference
from mtstore.calendars import calendar_names, canonical_name
from mtstore.infer_calendar import infer_calendar


@pytest.mark.parametrize(
    ("ticker", "provider", "dataset", "calendar"),
    [
        ("AAPL", "polygon", None, "XNYS"),
        ("X:BTCUSD", "polygon", None, "24/7"),
        ("C:EURUSD", "polygon", None, "FOREX"),
        ("ESH4", "databento", "GLBX.MDP3", "CMES"),
        ("AAPL", "databento", "XNAS.ITCH", "XNYS"),
        ("FDAX", "databento", "XEUR.EOBI", "XEUR"),
        ("6EH4", "databento", "GLBX.MDP3", "CME_FX"),
        ("6E.c.0", "databento", "GLBX.MDP3", "CME_FX"),
        ("6EH4-6EM4", "databento", "GLBX.MDP3", "CME_FX"),
        ("M6EH4", "databento", "GLBX.MDP3", "CME_FX"),
        ("RTYH4", "databento", "GLBX.MDP3", "CMES"),
        ("ZNH4", "databento", "GLBX.MDP3", "CME_RATES"),
        ("SR3H4", "databento", "GLBX.MDP3", "CME_RATES"),
        ("CLH4", "databento", "GLBX.MDP3", "CME_ENERGY"),
        ("CLH4-CLJ4", "databento", "GLBX.MDP3", "CME_ENERGY"),
        ("NG.c.0", "databento", "GLBX.MDP3", "CME_ENERGY"),
        ("GCG5", "databento", "GLBX.MDP3", "CME_METALS"),
        ("ZCH4", "databento", "GLBX.MDP3", "CME_GRAINS"),
        ("ZC.FUT", "databento", "GLBX.MDP3", "CME_GRAINS"),
        ("LEJ4", "databento", "GLBX.MDP3", "CME_LIVESTOCK"),
    ],
)
def test_vendors_say_what_a_ticker_is(ticker: str, provider: str, dataset: str | None, calendar: str) -> None:
    assert infer_calendar(ticker, provider, dataset) == calendar


@pytest.mark.parametrize(
    ("calendar", "tickers"),
    [
        ("XTKS", ["7203.T"]),
        ("XHKG", ["0700.HK"]),
        ("XLON", ["VOD.L"]),
        ("XETR", ["SAP.DE"]),
        ("XPAR", ["MC.PA"]),
        ("XASX", ["BHP.AX"]),
        ("XTSE", ["SHOP.TO"]),
        ("XSHG", ["600000.SS", "000001.SZ"]),
        ("24/7", ["BTC/USD", "BTC-USD", "BTCUSDT", "BTCUSD", "XBTUSD", "BTC-PERP", "ETH/BTC"]),
        ("FOREX", ["EURUSD", "EUR/USD", "EURUSD=X", "GBP.JPY"]),
        ("CMES", ["ESH4", "ESH24", "ES 03-24", "ES=F", "ES1!", "ES.c.0"]),
        ("CME_METALS", ["GCG5", "SI=F"]),
        ("CME_RATES", ["ZNH4", "ZB=F"]),
        ("CME_GRAINS", ["ZCH4"]),
        ("CME_FX", ["6EH4", "6E=F", "M6EH4"]),
        ("XNYS", ["AAPL", "BRK/B", "BRK.A", "BF.B", "ES", "GE", "USD", "CLK0", ".T", "aapl.us"]),
    ],
)
def test_names_of_custom_data_say_where_a_ticker_trades(calendar: str, tickers: list[str]) -> None:
    assert {ticker: infer_calendar(ticker, "own") for ticker in tickers} == dict.fromkeys(tickers, calendar)


def test_points_in_names_of_us_vendors_are_not_exchanges() -> None:
    assert {infer_calendar("ABC.L", provider) for provider in ("polygon", "databento")} == {"XNYS"}


def test_every_inferred_calendar_exists() -> None:
    inferred = {
        *inference._CALENDAR_OF_SUFFIX.values(),
        *inference._CALENDAR_OF_PREFIX.values(),
        *inference._CALENDAR_OF_DATASET.values(),
        *inference._ROOTS_OF_CALENDAR,
    }
    assert inferred <= set(calendar_names())
    assert all(canonical_name(calendar) == calendar for calendar in inferred)


def test_bars_of_another_exchange_are_in_its_sessions(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 1.0},
        index=pd.date_range("2023-11-06 09:00", periods=150, freq="1min", tz="Asia/Tokyo"),
    )
    with mtstore.open(tmp_path / "store", create=True) as store:
        store.ingest(frame, ticker="7203.T", schema="ohlcv-1m")
        assert len(store.align(["7203.T"], "1min", "2023-11-06", "2023-11-06").to_pandas()) == 150
