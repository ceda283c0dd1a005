from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore.config import with_changes
from mtstore.errors import DataQualityError, InputError
from mtstore.loader.validation.outcome import DataQualityWarning
from mtstore.storage.commit.staging import staging_folder
from tests.kits.bar_stores import bars, make_store, minutes, us

DAY = "2023-11-22"
JUMP = 200
"""The minute at which SPIKE's price doubles, for that minute alone."""


def _prices(times, jump=None):
    rows = []
    for number, at in enumerate(times):
        price = 100 + (number * 7 % 5) / 10
        price *= 2 if number == jump else 1
        rows.append((at, price, price, price, price, 10.0, price, 3))
    return bars(rows)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    full = minutes(DAY)
    tables = {
        "CALM": _prices(full),
        "SPIKE": _prices(full, jump=JUMP),
        "HOLEY": _prices([at for number, at in enumerate(full) if not 100 <= number < 120]),
    }
    with make_store(tmp_path_factory.mktemp("validation") / "store", tables, covers=(DAY, "2023-11-23")) as store:
        return store.path


def loader(path, tickers=("CALM", "SPIKE", "HOLEY"), overrides=None, alignment=None, **validation):
    config = {
        "multi_ticker": {
            "store": str(path),
            "tickers": list(tickers),
            "alignment": alignment or {},
            "validation": {"outlier_std_threshold": 5.0, **validation},
        },
        "ticker_config": {"overrides": overrides or {}},
    }
    return mtstore.MultiTickerDataLoader(config)


def test_a_load_warns_once_of_what_is_beyond_the_limits(path):
    with loader(path) as loads, pytest.warns(DataQualityWarning) as caught:
        loads.load_data(DAY, DAY)
    assert len(caught) == 1
    assert "SPIKE has 2 outliers, HOLEY has 1 gap;" in str(caught[0].message)
    assert caught[0].filename == __file__


def _normal_returns(days, *, jump=0.0, hole=()):
    times = [at for day in days for at in minutes(day)]
    returns = np.random.default_rng(3).normal(0, 0.0002, len(times))
    returns[150] += jump
    closes = 100 * np.exp(returns.cumsum())
    rows = [(at, *[close] * 4, 10.0, close, 3) for at, close in zip(times, closes.tolist(), strict=True)]
    return bars([row for place, row in enumerate(rows) if place not in hole])


WEEK = pd.date_range("2023-11-06", "2023-11-10").strftime("%Y-%m-%d").tolist()


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    tables = {
        "NORMAL": _normal_returns(WEEK),
        "JUMP": _normal_returns(WEEK, jump=0.01),
        "HOLE": _normal_returns(WEEK, hole=range(100, 130)),
    }
    path = tmp_path_factory.mktemp("week") / "store"
    with make_store(path, tables, covers=(WEEK[0], "2023-11-11")) as store:
        return store.path


def _warning_of(week, ticker, alignment=None, **validation):
    config = {"store": str(week), "tickers": [ticker], "validation": validation, "alignment": alignment or {}}
    with (
        mtstore.MultiTickerDataLoader(config) as loads,
        warnings.catch_warnings(record=True, action="always") as caught,
    ):
        loads.load_data(WEEK[0], WEEK[-1])
        report = loads.report
    assert report is not None
    assert (report[ticker].outliers or 0) >= 1
    return [str(one.message).partition("validation: ")[2].partition(";")[0] for one in caught]


ALIGNMENTS = [None, {"session": "all"}]
"""Counted during assembly, and by the macros."""


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_a_load_warns_of_jumps_alone_where_no_threshold_is_configured(week, alignment):
    assert _warning_of(week, "NORMAL", alignment) == []
    assert _warning_of(week, "HOLE", alignment) == ["HOLE has 1 gap"]
    assert _warning_of(week, "JUMP", alignment) == ["JUMP has 1 jump beyond 8 deviations"]


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("validation", [{"on_failure": "warn"}, {"outlier_std_threshold": 3.0}])
def test_a_load_warns_of_all_outliers_where_a_person_configured_them(week, alignment, validation):
    (text,) = _warning_of(week, "HOLE", alignment, **validation)
    assert text.startswith("HOLE has 1 gap and ")
    assert text.endswith(" outliers")


@pytest.mark.parametrize(
    "validation",
    [
        {"enabled": False},
        {"check_gaps": False, "check_outliers": False},
        {"max_gap_minutes": 21.0, "outlier_std_threshold": 20.0},
    ],
)
def test_disabled_checks_report_nothing(path, validation):
    with loader(path, **validation) as loads, warnings.catch_warnings():
        warnings.simplefilter("error")
        loads.load_data(DAY, DAY)


def test_each_ticker_has_limits_of_its_own(path):
    overrides = {"SPIKE": {"outlier_std_threshold": 20.0}, "HOLEY": {"check_gaps": False}}
    with loader(path, overrides=overrides) as loads:
        found = loads.validate(DAY, DAY)
        assert found.is_clean
        overrides["SPIKE"] = {}
    with loader(path, overrides=overrides) as loads:
        assert set(loads.validate(DAY, DAY).outliers["ticker"]) == {"SPIKE"}


def test_a_load_is_refused_where_the_configuration_says_raise(path):
    with loader(path, on_failure="raise") as loads:
        with pytest.raises(DataQualityError, match=r"SPIKE has 2 outliers, HOLEY has 1 gap"):
            loads.load_data(DAY, DAY)
        assert loads.load_data(DAY, DAY, tickers=["CALM"]).shape == (390, 5)
        with pytest.raises(DataQualityError, match="SPIKE"):
            loads.iter_data(DAY, DAY)


@pytest.mark.parametrize("columns", ["flat", "multi"])
def test_flags_mark_the_bars_that_stand_out_from_those_before_them(path, columns):
    with loader(path, on_failure="flag", check_gaps=False) as loads:
        frame = loads.load_data(DAY, DAY, columns=columns)
        plain = with_changes(loads.config, validation={"enabled": False})
    name = ("SPIKE", "is_outlier") if columns == "multi" else "SPIKE_is_outlier"
    assert frame.columns.nlevels == (2 if columns == "multi" else 1)
    flagged = np.flatnonzero(frame[name])
    assert flagged[0] == JUMP
    assert frame[name].dtype == bool
    assert frame.shape == (390, 3 * 5 + 3)
    with mtstore.MultiTickerDataLoader(plain) as loads:
        unmarked = loads.load_data(DAY, DAY, columns=columns)
    pd.testing.assert_frame_equal(frame.iloc[:, :15], unmarked)


def test_flags_never_change_with_what_comes_later(path):
    with loader(path, on_failure="flag", check_gaps=False) as loads:
        whole = loads.load_data(DAY, DAY)
        part = loads.load_data(DAY, "2023-11-22 13:30")
    assert len(part) == 240
    pd.testing.assert_frame_equal(part, whole.iloc[:240])


@pytest.mark.parametrize("on_failure", ["flag", "drop"])
def test_first_hundred_returns_of_a_load_are_not_judged(path, on_failure):
    with loader(path, ["SPIKE"], on_failure=on_failure, check_gaps=False) as loads:
        frame = loads.load_data(f"{DAY} 11:12", DAY)  # the jump is the 99th return
        assert len(frame) == 288
        assert loads.report["SPIKE"].outliers == 0
        loads.load_data(f"{DAY} 11:09", DAY)
        assert loads.report["SPIKE"].outliers > 0


@pytest.mark.parametrize("method", ["outer_join", "inner_join", "forward_fill"])
def test_dropped_outliers_are_missing_before_the_tickers_are_aligned(path, method):
    alignment = {"method": method}
    with loader(path, ["CALM", "SPIKE"], alignment=alignment, on_failure="drop", check_gaps=False) as loads:
        frame = loads.load_data(DAY, DAY)
        report = loads.report
    at = pd.Timestamp(us(f"{DAY}T14:30:00") + JUMP * 60_000_000, unit="us", tz="UTC")
    if method == "inner_join":
        assert at not in frame.index
    elif method == "outer_join":
        assert frame.loc[at, ["SPIKE_open", "SPIKE_close", "SPIKE_volume"]].isna().all()
        assert frame.loc[at, "CALM_close"] > 0
    else:
        assert frame.loc[at, "SPIKE_close"] == frame["SPIKE_close"].iloc[JUMP - 1]
        assert frame.loc[at, "SPIKE_volume"] == 0
    assert report["SPIKE"].outliers == 390 - report["SPIKE"].rows if method != "inner_join" else True


def test_chunks_drop_what_the_load_drops(path):
    alignment = {"method": "forward_fill"}
    with loader(path, alignment=alignment, on_failure="drop", check_gaps=False) as loads:
        whole = loads.load_data(DAY, DAY)
        parts = list(loads.iter_data(DAY, DAY, chunk="1h"))
    assert len(parts) > 3
    pd.testing.assert_frame_equal(pd.concat(parts), whole, check_freq=False)


def test_flags_on_buckets_that_the_quality_layer_does_not_know_are_refused(path):
    with loader(path, alignment={"anchor": "epoch"}, on_failure="flag") as loads:  # noqa: SIM117
        with pytest.raises(InputError, match=r"alignment\.anchor"):
            loads.load_data(DAY, DAY)


def test_findings_are_those_of_the_macros(path):
    with loader(path, check_gaps=True) as loads:
        found = loads.validate(DAY, DAY)
        rows = loads.store.sql(
            "SELECT ticker, ts_event, z_score FROM outliers($tickers, 5, start_ts := $day, end_ts := $day)",
            {"tickers": ["CALM", "SPIKE", "HOLEY"], "day": DAY},
        ).fetchall()
    assert [(row.ticker, row.ts_event, pytest.approx(row.z_score)) for row in found.outliers.itertuples()] == rows
    (gap,) = found.gaps.itertuples()
    assert (gap.ticker, gap.missing_bars, gap.reason) == ("HOLEY", 20, "asked and no trade")
    assert str(gap.first_missing) == f"{DAY} 11:10:00-05:00"


def test_quality_has_one_row_per_ticker(path):
    with loader(path, [*("CALM", "SPIKE", "HOLEY"), "NOTHING"]) as loads:
        quality = loads.quality(DAY, DAY)
    assert list(quality.index) == ["CALM", "SPIKE", "HOLEY", "NOTHING"]
    assert quality["present_bars"].tolist() == [390, 390, 370, 0]
    assert quality.loc["HOLEY", "completeness"] == pytest.approx(370 / 390)
    assert quality.loc["HOLEY", ["gap_count", "longest_gap_minutes"]].tolist() == [1, 20.0]
    assert quality.loc["SPIKE", "outlier_count"] == 2
    assert quality["quarantined_rows"].tolist() == [0] * 4
    assert quality.loc["CALM", "staleness"] > pd.Timedelta(days=300)
    assert quality.loc["CALM", "peer_ratio"] == pytest.approx(390 / 380)


def test_ticker_far_from_its_peers_is_explained(tmp_path):
    both = [*minutes("2023-11-08"), *minutes(DAY)]
    tables = {"A": _prices(both), "B": _prices(both), "C": _prices(both), "D": _prices(minutes(DAY)[:30])}
    with (
        make_store(tmp_path / "store", tables, covers=("2023-11-08", "2023-11-23")),
        loader(tmp_path / "store", list(tables)) as loads,
    ):
        quality = loads.quality("2023-11-08", DAY)
    assert quality["is_far_from_peers"].tolist() == [False, False, False, True]
    assert quality.loc["D", "peer_note"] == (
        "0.038 times the bars of its peers; first bar on 2023-11-22, its peers' on 2023-11-08"
    )


def _add_split(store, day):
    split = {"ticker": "A", "execution_date": day, "split_from": 1.0, "split_to": 4.0, "source": "polygon"}
    with staging_folder(store.repository.layout) as folder, store.repository.begin("test", folder) as commit:
        commit.upsert("splits", [split | {"seen_at": commit.at}])
        commit.finish()


def test_a_load_over_an_unadjusted_split_warns_whatever_else_is_off(tmp_path):
    with make_store(tmp_path / "store", {"A": _prices(minutes(DAY))}) as store:
        _add_split(store, DAY)
        with loader(store.path, ["A"], enabled=False) as loads:
            with pytest.warns(DataQualityWarning, match=r"A 4 for 1 on 2023-11-22.*adjust: splits"):
                loads.load_data(DAY, DAY)
            assert len(loads.validate(DAY, DAY).splits) == 1
        with (
            loader(store.path, ["A"], alignment={"adjust": "splits"}, enabled=False) as loads,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error")
            loads.load_data(DAY, DAY)


@pytest.mark.parametrize("resampling", ["1d", "1w"])
def test_a_split_is_no_outlier_of_days_or_weeks(tmp_path, resampling):
    wednesdays = pd.date_range("2023-01-04", "2023-11-22", freq="7D").strftime("%Y-%m-%d")
    closes = [(25 if day > "2023-06" else 100) * (1 + place**2 % 7 / 100) for place, day in enumerate(wednesdays)]
    closes[30] *= 3  # there and back again
    rows = bars([(f"{day}T14:30", *[close] * 4, 1.0, close, 1) for day, close in zip(wednesdays, closes, strict=True)])
    with make_store(tmp_path / "store", {"A": rows}, covers=("2023-01-01", "2023-12-01")) as store:
        _add_split(store, "2023-06-05")
        for adjust in ("none", "splits"):
            options = {"resampling": resampling, "adjust": adjust}
            with loader(store.path, ["A"], alignment=options, outlier_std_threshold=3) as loads:
                with pytest.warns(DataQualityWarning, match="A has 2 outliers"):
                    loads.load_data("2023-01-01", "2023-11-30")
                assert loads.report["A"].outliers == 2
                assert len(loads.validate().outliers) == 2
