"""Two sources of one ticker side by side, in SQL, in Python and on the command line."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore.cli.main import run
from mtstore.errors import InputError, QueryError

DAYS = ("2024-03-07", "2024-03-08")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A has 30 minutes of two days; B misses two, has one more, doubles the volumes, and differs once by 1 %."""
    place = tmp_path_factory.mktemp("reconcile") / "store"
    with mtstore.open(place, create=True) as store:
        for day in DAYS:
            times = pd.date_range(f"{day} 14:30", periods=30, freq="1min", tz="UTC")
            closes = np.arange(100.0, 130.0)
            _ingest(store, "first", times, closes, 1.0)
            others = closes.copy()
            others[5] *= 1.01 if day == DAYS[0] else 1.0
            more = times[2:].append(times[-1:] + pd.Timedelta("1min"))
            _ingest(store, "second", more, np.append(others[2:], 130.0), 2.0)
    return place


def _ingest(store, source, times, closes, volume):
    columns = dict.fromkeys(("open", "high", "low", "close"), closes)
    frame = pd.DataFrame({**columns, "volume": volume}, index=pd.DatetimeIndex(times, name="ts_event"))
    store.ingest(frame, ticker="AAPL", source=source, schema="ohlcv-1m")


def _reconciled(path, **options):
    with mtstore.open(path) as store:
        return store.reconcile("AAPL", "first", "second", *DAYS, **options).to_pandas()


def test_each_bucket_has_a_verdict(path):
    found = _reconciled(path)
    assert Counter(zip(found["session_date"].astype(str), found["verdict"], strict=True)) == {
        (DAYS[0], "equal"): 27,
        (DAYS[0], "only in a"): 2,
        (DAYS[0], "only in b"): 1,
        (DAYS[0], "prices differ"): 1,
        (DAYS[1], "equal"): 28,
        (DAYS[1], "only in a"): 2,
        (DAYS[1], "only in b"): 1,
    }
    (different,) = found[found["verdict"] == "prices differ"].itertuples()
    assert (different.close_a, different.close_b) == (105.0, pytest.approx(106.05))
    assert different.price_difference == pytest.approx(0.01)
    assert different.volume_ratio == 0.5
    alone = found[found["verdict"].str.startswith("only")]
    assert alone[["price_difference", "volume_ratio"]].isna().all(axis=None)
    assert found["ts_event"].is_monotonic_increasing


@pytest.mark.parametrize(("tolerance", "different"), [(0.0, 1), (0.0099, 1), (0.0101, 0)])
def test_prices_within_the_tolerance_do_not_differ(path, tolerance, different):
    assert (_reconciled(path, price_tolerance=tolerance)["verdict"] == "prices differ").sum() == different


def test_a_session_is_summed_up(path):
    first, second = _reconciled(path, by="session").itertuples(index=False)
    assert (first.common_bars, first.bars_only_in_a, first.bars_only_in_b, first.different_bars) == (28, 2, 1, 1)
    assert first.largest_difference == pytest.approx(0.01)
    assert (first.volume_a, first.volume_b, first.volume_ratio) == (30.0, 58.0, pytest.approx(30 / 58))
    assert (second.common_bars, second.different_bars, second.largest_difference) == (28, 0, 0.0)


def test_wider_buckets_are_compared_as_well(path):
    found = _reconciled(path, interval="1d", by="session")
    assert found["common_bars"].tolist() == [1, 1]
    assert found["different_bars"].tolist() == [1, 1]


def test_sql_answers_as_python_does(path):
    with mtstore.open(path) as store:
        rows = store.sql(
            "FROM reconcile_sessions('AAPL', '1min', 'first', 'second', price_tolerance := 0.02,"
            " start_ts := DATE '2024-03-07', end_ts := DATE '2024-03-08')"
        ).fetchall()
        python = store.reconcile("AAPL", "first", "second", *DAYS, by="session", price_tolerance=0.02).fetchall()
    assert rows == python
    assert [row[5] for row in rows] == [0, 0]


def test_the_command_line_prints_sessions(path, capsysbinary):
    code = run(["reconcile", str(path), "first", "second", "--tickers", "AAPL", "--format", "json"])
    assert code == 0
    rows = json.loads(capsysbinary.readouterr().out)
    assert [(row["session_date"], row["different_bars"]) for row in rows] == [(DAYS[0], 1), (DAYS[1], 0)]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("FROM reconcile('AAPL', '1min', 'first', 'third')", "third"),
        ("FROM reconcile('AAPL', '1min', 'third', 'first') WHERE ticker = 'X'", "third"),
        ("FROM reconcile('AAPL', '1min', 'first', NULL)", "NULL is not a source"),
        ("FROM reconcile_sessions('AAPL', '1min', 'first', 'second', price_tolerance := -1)", "price_tolerance: -1"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(path, statement, message):
    with mtstore.open(path) as store, pytest.raises(QueryError, match=message):
        store.sql(statement).fetchall()


def test_an_unknown_grain_is_an_error(path):
    with pytest.raises(InputError, match="by"):
        _reconciled(path, by="year")


@pytest.mark.parametrize(
    ("price_a", "price_b", "difference"),
    [
        ("100.0", "101.0", 0.01),
        ("-2.0", "-2.5", 0.25),
        ("0.0", "0.0", 0.0),
        ("0.0", "5.0", np.inf),
        ("NULL", "5.0", np.inf),
        ("5.0", "NULL", np.inf),
        ("NULL", "NULL", None),
    ],
)
def test_a_price_that_one_source_does_not_have_is_accepted_by_no_tolerance(path, price_a, price_b, difference):
    with mtstore.open(path) as store:
        ((found,),) = store.sql(f"SELECT core.price_difference({price_a}, {price_b})").fetchall()
    assert found == (None if difference is None else pytest.approx(difference))
