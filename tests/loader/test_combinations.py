"""Every two settings of a loader work together, and what they give is what the macros give."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore.config import load_config
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.bar_stores import make_store, minutes, us, walk
from tests.kits.pairwise import all_pairs, spelled

RANGE = ("2023-11-21", "2023-11-27")
TICKERS = ["THIN", "FULL", "NIGHT", "NEVER"]
NIGHT = {"session_start": "20:00", "session_end": "04:00", "timezone": "America/New_York"}
FIELDS = ["open", "high", "low", "close", "volume", "transactions"]

ALIGNMENT: dict[str, list[Any]] = {
    "method": ["forward_fill", "outer_join", "inner_join"],
    "resampling": ["5min", "1min", "1h", "1d"],
    "session": ["regular", "all"],
    "timezone": ["America/New_York", "UTC", "Asia/Tokyo"],
    "label": ["left", "right"],
    "fill_volume": ["zero", "ffill", "null"],
    "fill_prices": ["own", "close"],
    "max_age": [None, "2h"],
    "across_sessions": [True, False],
    "lookback": [None, "3d"],
    "anchor": ["session", "midnight"],
}
LOAD: dict[str, list[Any]] = {
    "columns": ["flat", "multi"],
    "dtype": ["float64", "float32"],
    "skip_columns": ["nan", "drop"],
}
CALENDARS: dict[str, list[Any]] = {"night": ["equities", "overnight window"]}
ROWS = all_pairs(ALIGNMENT | LOAD | CALENDARS)
CASES = [
    pytest.param(row, id=name, marks=() if number % 5 == 1 else pytest.mark.slow)
    for number, (row, name) in enumerate(zip(ROWS, spelled(ROWS), strict=True))
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    days = [minutes(f"2023-11-{day}", "13:30", 500) for day in (20, 21, 22, 27)]
    every = sorted(at for day in [*days, minutes("2023-11-24", count=210)] for at in day)
    nights = [us("2023-11-20T01:00:00") + number * 11 * 60_000_000 for number in range(900)]
    tables = {
        "FULL": walk(every),
        "THIN": walk([at for number, at in enumerate(every) if 5 in (number % 37, number % 41)], base=20.0, seed=1),
        "NIGHT": walk(nights, base=7.0, seed=2),
    }
    path = tmp_path_factory.mktemp("combinations") / "store"
    with make_store(path, tables, covers=("2023-11-19", "2023-11-29")):
        return path


def _config(path, row):
    night = NIGHT if row["night"] == "overnight window" else {}
    return {
        "multi_ticker": {
            "store": str(path),
            "tickers": {name: night if name == "NIGHT" else {} for name in TICKERS},
            "alignment": {name: row[name] for name in ALIGNMENT},
            "validation": {"enabled": False},
            "skip_columns": row["skip_columns"],
            "on_missing": "warn",
        }
    }


def _expected(path, row):
    """The same from the macros of SQL, pivoted by pandas, over a store to which the configuration was applied."""
    names = ["session", "anchor"]
    if row["method"] == "forward_fill":
        names += ["fill_volume", "fill_prices", "across_sessions", "lookback", "max_age"]
    options = {name: row[name] for name in names}
    with mtstore.open(path) as store:
        aligned = store.align(TICKERS, row["resampling"], *RANGE, method=row["method"], tz=row["timezone"], **options)
        rows = aligned.to_arrow().to_pandas()
    stamp = "ts_close" if row["label"] == "right" else "ts_event"
    rows["ts_close"] = rows.groupby("ts_event")["ts_close"].transform("max")
    wide = rows.pivot(index=["ts_event", "ts_close"], columns="ticker", values=FIELDS).astype(float)
    columns = pd.MultiIndex.from_product([TICKERS, FIELDS], names=["ticker", "field"])
    wide = wide.swaplevel(axis=1).reindex(columns=columns)
    wide.index = wide.index.get_level_values(stamp).tz_convert(row["timezone"])
    return wide


@pytest.fixture(scope="module")
def applied(path, tmp_path_factory):
    """Copies of the store to which a configuration was applied, by how its nights are."""
    made = {}
    for night in CALENDARS["night"]:
        place = tmp_path_factory.mktemp("applied") / "store"
        with mtstore.open(path) as source:
            tables = {name: source.bars(name).to_arrow() for name in TICKERS[:3]}
        kept = ["ts_event", "open", "high", "low", "close", "volume", "vwap", "transactions"]
        bars = {name: table.select(kept) for name, table in tables.items()}
        with make_store(place, bars, covers=("2023-11-19", "2023-11-29")) as store:
            plain = {name: values[0] for name, values in (ALIGNMENT | LOAD).items()}
            apply_config(store.repository, load_config(_config(place, plain | {"night": night})))
        made[night] = place
    return made


@pytest.mark.sampled(2)
@pytest.mark.filterwarnings("ignore:.*does not cover")
@pytest.mark.parametrize("row", CASES)
def test_any_two_settings_together_give_the_macros_answer(path, applied, row):
    with mtstore.MultiTickerDataLoader(_config(path, row)) as loader:
        how = {"fields": FIELDS, "columns": row["columns"], "dtype": row["dtype"]}
        frame = loader.load_data(*RANGE, **how)
        chunks = list(loader.iter_data(*RANGE, "2D", **how))
    expected = _expected(applied[row["night"]], row)
    if row["skip_columns"] == "drop":
        expected = expected.drop(columns="NEVER", level="ticker")
    if row["columns"] == "flat":
        expected.columns = [f"{ticker}_{name}" for ticker, name in expected.columns]
    assert list(frame.columns) == list(expected.columns)
    assert list(frame.index) == list(expected.index)
    assert str(pd.DatetimeIndex(frame.index).tz) == row["timezone"]
    assert set(frame.dtypes) == {np.dtype(row["dtype"])}
    tolerance = 1e-12 if row["dtype"] == "float64" else 1e-6
    np.testing.assert_allclose(frame.to_numpy(float), expected.to_numpy(), rtol=tolerance)
    pd.testing.assert_frame_equal(pd.concat(chunks), frame, check_freq=False)
    assert timedelta(0) not in set(frame.index.diff()[1:])


def test_every_pair_of_choices_is_met():
    options = ALIGNMENT | LOAD | CALENDARS
    for one, other in combinations(options, 2):
        met = {(str(row[one]), str(row[other])) for row in ROWS}
        assert len(met) == len(options[one]) * len(options[other])
    assert len(ROWS) < 40
