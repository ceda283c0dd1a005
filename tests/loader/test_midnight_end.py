"""An end that looks like a date but is an instant warns that its day is not in the range."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

import mtstore
from tests.kits.bar_stores import bars, make_store, minutes

NEW_YORK = "America/New_York"
START, DAY = "2023-11-21", "2023-11-22"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rows = [(at, *[100.0] * 4, 10.0, 100.0, 3) for day in (START, DAY) for at in minutes(day)]
    with make_store(
        tmp_path_factory.mktemp("ends") / "store", {"A": bars(rows)}, covers=(START, "2023-11-23")
    ) as store:
        return store.path


def _load(path, end):
    with mtstore.MultiTickerDataLoader({"store": str(path), "tickers": ["A"]}) as loads:
        return loads.load_data(START, end)


def _iterate(path, end):
    with mtstore.MultiTickerDataLoader({"store": str(path), "tickers": ["A"]}) as loads:
        return pd.concat(loads.iter_data(START, end, chunk="6h"))


def _resample(path, end):
    with mtstore.open(path) as store:
        return store.resample("A", "1min", START, end).to_pandas()


def _align(path, end):
    with mtstore.open(path) as store:
        return store.align(["A"], "1min", START, end).to_pandas()


def _bars(path, end):
    with mtstore.open(path) as store:
        return store.bars("A", START, end).to_pandas()


def _quality(path, end):
    with mtstore.open(path) as store:
        return store.gaps("A", START, end).to_pandas()


@pytest.mark.parametrize("door", [_load, _iterate, _resample, _align, _bars, _quality])
def test_each_door_warns_once_of_a_midnight_timestamp(path, door):
    with pytest.warns(UserWarning, match=r"midnight: 2023-11-22 is not in the range; write '2023-11-22'") as caught:
        found = door(path, pd.Timestamp(DAY))
    assert [one.filename for one in caught] == [__file__]
    assert len(found) in (0, 390)


@pytest.mark.parametrize(
    "end",
    [
        pd.Timestamp(DAY, tz=NEW_YORK),
        pd.Timestamp("2023-11-22T05:00Z"),
        datetime(2023, 11, 22),  # noqa: DTZ001
        np.datetime64(DAY, "ns"),
    ],
)
def test_a_midnight_in_the_zone_of_the_load_warns(path, end):
    with pytest.warns(UserWarning, match="2023-11-22 is not in the range"):
        assert len(_load(path, end)) == 390


@pytest.mark.parametrize(
    ("end", "rows"),
    [
        (DAY, 780),
        (date(2023, 11, 22), 780),
        (np.datetime64(DAY), 780),
        (f"{DAY} 00:00", 390),
        (datetime(2023, 11, 22, 5, tzinfo=UTC), 390),
        (pd.Timestamp(f"{DAY} 10:00"), 420),
        (pd.Timestamp(DAY, tz="UTC"), 390),
        (None, 780),
    ],
)
def test_dates_and_meant_instants_do_not_warn(path, end, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(_load(path, end)) == rows
