"""Values that stay within a session stay within the ticker's own, whoever else is in the call."""

from __future__ import annotations

import numpy as np
import pytest

from mtstore.config import load_config
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.bar_stores import make_store, minutes, walk

CALENDARS = {"NY": "XNYS", "TK": "XTKS", "TH": "XTKS"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two tickers of Tokyo from 12:30 to 15:00 and on the next morning (03:30 to 06:00 UTC), and one of New York."""
    tables = {
        "TK": walk([*minutes("2024-03-12", "03:30", 150), *minutes("2024-03-13", "00:00", 60)]),
        "TH": walk(minutes("2024-03-12", "03:35", 1), base=7.0),
        "NY": walk(minutes("2024-03-12", "13:30", 30)),
    }
    with make_store(tmp_path_factory.mktemp("own") / "store", tables, covers=("2024-03-11", "2024-03-14")) as made:
        config = {"tickers": {name: {"calendar": calendar} for name, calendar in CALENDARS.items()}}
        apply_config(made.repository, load_config({"multi_ticker": config}))
        yield made


@pytest.mark.parametrize("names", [["TK", "TH"], ["NY", "TK", "TH"]])
def test_ticker_is_filled_to_the_end_of_its_own_session(store, names):
    aligned = store.align(names, "30min", method="forward_fill", across_sessions=False)
    closes = aligned.to_pandas(fields=["close"])["TH_close"]
    rows = aligned.to_arrow().to_pandas()
    rows = rows[rows["ticker"] == "TH"].sort_values("ts_event")
    np.testing.assert_array_equal(closes, rows["close"])
    utc = closes.tz_convert("UTC")
    assert utc["2024-03-12 03:30":"2024-03-12 05:59"].tolist() == [7.5] * 5
    assert utc["2024-03-13":].isna().all()
    assert len(utc["2024-03-13":])
