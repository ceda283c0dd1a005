"""What a range lacks: bars that nobody asked for are missing, those that a vendor does not have are not."""

from __future__ import annotations

import numpy as np
import pytest

import mtstore
from mtstore.bars import BarBatch, SourceBinding, arrow_schema
from mtstore.errors import MissingDataError, QueryError
from tests.kits.bar_stores import add_bars, make_store, minutes, walk
from tests.kits.stores import write

DAY = "2023-11-22"
COVERS = (DAY, "2023-11-23")


@pytest.fixture
def store(tmp_path):
    with make_store(tmp_path / "store", {"AAA": walk(minutes(DAY))}, covers=COVERS) as made:
        yield made


def loader(store, *tickers, **alignment):
    return mtstore.MultiTickerDataLoader(
        {
            "store": str(store.path),
            "tickers": {name: {"calendar": "XNYS"} for name in tickers},
            "alignment": alignment,
            "validation": {"enabled": False},
        }
    )


def test_a_range_that_was_answered_with_nothing_is_not_missing(store):
    add_bars(store, {"EMPTY": arrow_schema().empty_table()}, covers=COVERS)
    with loader(store, "AAA", "EMPTY") as loads:
        frame = loads.load_data(DAY, DAY, fields=["close"])
        assert frame["EMPTY_close"].isna().all()
        assert frame["AAA_close"].notna().all()
        with pytest.raises(MissingDataError, match=r"for 1 of 1 tickers: EMPTY \[2023-11-24"):
            loads.load_data(DAY, "2023-11-24", tickers=["EMPTY"])


def test_an_answer_for_days_says_nothing_of_minutes(store):
    add_bars(store, {"EMPTY": arrow_schema().empty_table()}, schema="ohlcv-1d", covers=COVERS)
    with loader(store, "EMPTY") as loads, pytest.raises(MissingDataError, match="EMPTY"):
        loads.load_data(DAY, DAY)
    with loader(store, "EMPTY", resampling="1d") as loads:
        assert loads.load_data(DAY, DAY).isna().all(axis=None)


def test_uncovered_bars_differ_from_missing_ones(store):
    bars = walk(minutes(DAY))
    write(store, BarBatch(SourceBinding("own", "own"), "ohlcv-1m", "LOOSE", (), bars, result="partial"))
    with loader(store, "LOOSE", "NEVER") as loads, pytest.raises(MissingDataError) as caught:
        loads.load_data(DAY, DAY)
    assert "for 2 of 2 tickers: LOOSE" in str(caught.value)
    assert "; bars of LOOSE are stored, but were ingested without 'covers'" in str(caught.value)
    frame = bars.to_pandas().set_index("ts_event")
    store.ingest(frame, ticker="LOOSE", schema="ohlcv-1m", covers=(DAY, DAY))
    with loader(store, "LOOSE") as loads:
        assert len(loads.load_data(DAY, DAY)) == 390


def test_bars_that_are_too_wide_are_no_missing_ones(store):
    with loader(store, "AAA", resampling="30s") as loads:
        with pytest.raises(QueryError, match="nothing stored of 'AAA' gives bars of 00:00:30"):
            loads.load_data(DAY, DAY)
        with pytest.raises(QueryError, match="nothing stored of 'AAA' gives bars of 00:00:30"):
            list(loads.iter_data(DAY, DAY))


def test_the_quality_of_a_ticker_without_bars_says_how_many_there_should_be(store):
    with loader(store, "AAA", "NEVER") as loads:
        found = loads.quality(DAY, "2023-11-24")
    assert found["expected_bars"].to_dict() == {"AAA": 600, "NEVER": 600}
    assert found["present_bars"].to_dict() == {"AAA": 390, "NEVER": 0}
    assert found["completeness"].to_dict() == {"AAA": 0.65, "NEVER": 0.0}
    assert found["gap_count"].to_dict() == {"AAA": 1, "NEVER": 0}
    assert np.isnan(found.loc["NEVER", "peer_ratio"])


def test_bars_of_another_source_are_reported(store):
    settings = {"AAA": {"data_source": "databento"}}
    config = {"store": str(store.path), "tickers": settings, "validation": {"enabled": False}}
    with mtstore.MultiTickerDataLoader(config) as loads, pytest.warns(UserWarning, match="data_source") as caught:
        frame = loads.load_data(DAY, DAY)
    assert frame["AAA_close"].notna().all()
    told = [str(one.message) for one in caught]
    assert told == ["data_source 'databento' has no bars of AAA: bars of polygon are read"]
    assert {one.filename for one in caught} == {__file__}


@pytest.mark.parametrize("calendar", ["NYSE", "CME"])
def test_another_name_of_a_calendar_has_its_sessions(store, calendar):
    with mtstore.MultiTickerDataLoader({"store": str(store.path), "tickers": {"NEW": {"calendar": calendar}}}) as loads:
        assert loads.ticker_configs["NEW"].calendar == {"NYSE": "XNYS", "CME": "CMES"}[calendar]
        with pytest.raises(MissingDataError, match="for 1 of 1 tickers: NEW"):
            loads.load_data(DAY, DAY)
        assert loads.quality(DAY, DAY).loc["NEW", "expected_bars"] == {"NYSE": 390, "CME": 1_380}[calendar]


def test_an_inferred_calendar_that_is_new_to_the_store_has_its_sessions(store):
    with mtstore.MultiTickerDataLoader({"store": str(store.path), "tickers": ["X:NEWUSD"]}) as loads:
        with pytest.raises(MissingDataError, match="for 1 of 1 tickers: X:NEWUSD"):
            loads.load_data(DAY, DAY)
        assert loads.quality(DAY, DAY).loc["X:NEWUSD", "expected_bars"] == 1_440
