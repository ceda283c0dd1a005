"""A run is taken back: the store shows what it showed before, also after a rebuild, or says why that cannot be."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtstore
from mtstore.cli.main import run as run_command
from mtstore.errors import InputError
from tests.kits.stores import bars_of

DAY = "2023-11-06"


@pytest.fixture
def store(tmp_path: Path) -> mtstore.Store:
    return mtstore.open(tmp_path / "store", create=True)


def frame(first: str, count: int, price: float = 100.0) -> pd.DataFrame:
    times = pd.date_range(f"{DAY} {first}", periods=count, freq="1min", tz="UTC")
    prices = {"open": price, "high": price + 1, "low": price - 1, "close": price + 0.5, "volume": 10.0}
    return pd.DataFrame({"ts_event": times} | prices)


def ingest(store: mtstore.Store, bars: pd.DataFrame, ticker: str = "AAPL", **options: Any) -> str:
    return store.ingest_frame(bars, ticker=ticker, schema="ohlcv-1m", **options).run_id


def state(store: mtstore.Store) -> dict[str, Any]:
    """Everything that a reader sees, but for the runs and the numbers of snapshots."""
    views = ("bars", "coverage", "quarantine", "revisions", "tickers")
    files = "SELECT path, row_count FROM files ORDER BY ALL"
    return {name: store.sql(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in views} | {
        "files": store.sql(files).fetchall()
    }


def tables(store: mtstore.Store) -> dict[str, Any]:
    """The ledger and the inputs, with the numbers of the snapshots that wrote them."""
    names = ("coverage_ledger", "inputs")
    return {name: store.sql(f"SELECT * FROM core.{name} ORDER BY ALL").fetchall() for name in names}


def test_overwritten_and_withdrawn_bars_come_back_and_new_ones_go(store: mtstore.Store) -> None:
    ingest(store, frame("14:30", 5))
    before = state(store)
    bad = frame("14:33", 4, price=500.0)
    bad.loc[3, "high"] = 1.0
    covers = (pd.Timestamp(f"{DAY} 14:31", tz="UTC"), pd.Timestamp(f"{DAY} 15:00", tz="UTC"))
    run = ingest(store, bad, covers=covers)
    ingest(store, frame("14:30", 2), ticker="MSFT")
    assert len(store.sql("FROM revisions").fetchall()) == 4
    assert len(store.sql("FROM quarantine").fetchall()) == 1

    done = store.undo(run)

    assert (done.run_id, done.tickers) == (run, ("AAPL",))
    store.undo()  # the newest that is left: that of MSFT
    assert state(store) == before
    runs = store.sql("SELECT kind, status FROM ingest_runs ORDER BY started_at").fetchall()
    assert runs == [
        ("ingest", "complete"),
        ("ingest", "undone"),
        ("ingest", "undone"),
        ("undo", "complete"),
        ("undo", "complete"),
    ]


def test_an_undone_store_is_sound_and_the_same_after_a_rebuild(store: mtstore.Store) -> None:
    ingest(store, frame("14:30", 5))
    ingest(store, frame("14:32", 5, price=500.0))
    store.undo()
    before = state(store)
    assert store.verify().is_sound
    store.rebuild()
    assert state(store) == before
    assert store.verify().is_sound


def test_a_file_under_a_wrong_mapping_can_be_ingested_again(store: mtstore.Store, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("ts_event,open,high,low,close,volume\n2023-11-06 09:30,1,2,0.5,1.5,100\n")
    wrong = {"schema": "ohlcv-1m", "ticker": "AAPL"}
    store.ingest_files(path, mapping=wrong)
    store.undo()
    assert bars_of(store) == []
    store.ingest_files(path, mapping=wrong | {"tz": "America/New_York"})
    times = store.sql("SELECT strftime(ts_event AT TIME ZONE 'UTC', '%H:%M') FROM bars").fetchall()
    assert times == [("14:30",)]
    store.undo()
    again = store.ingest_files(path, mapping=wrong)
    assert (again.rows, [file.status for file in again.files]) == (1, ["ingested"])


@pytest.mark.filterwarnings("ignore::mtstore.IngestWarning")
@pytest.mark.parametrize("names", [["a"], ["a", "b"]], ids=["one file", "several commits"])
def test_undoing_a_second_reading_restores_the_first(store: mtstore.Store, tmp_path: Path, names: list[str]) -> None:
    """The second reading withdraws bars, coverage and inputs of the first in commits of its own."""
    (tmp_path / "in").mkdir()
    for number, name in enumerate(names):
        row = f"2023-11-06 09:3{number},1,2,0.5,1.5,100\n"
        (tmp_path / "in" / f"{name}.csv").write_text("ts_event,open,high,low,close,volume\n" + row)
    empty = state(store)
    wrong = {"schema": "ohlcv-1m", "ticker": "AAPL"}
    first = store.ingest_files(tmp_path / "in", mapping=wrong).run_id
    before = state(store), tables(store)
    second = store.ingest_files(tmp_path / "in", mapping=wrong | {"tz": "America/New_York"}).run_id
    assert "14:30" in str(store.sql("SELECT strftime(ts_event AT TIME ZONE 'UTC', '%H:%M') FROM bars").fetchall())
    left = f"run: {first} left nothing to undo: it brought nothing, or later runs replaced it; the newest is {second}"
    with pytest.raises(InputError, match=re.escape(left)):
        store.undo(first)
    assert store.undo().run_id == second
    assert (state(store), tables(store)) == before
    store.rebuild()
    assert (state(store), tables(store)) == before
    assert [file.status for file in store.ingest_files(tmp_path / "in", mapping=wrong).files] == ["unchanged"] * len(
        names
    )
    assert store.undo().run_id == first
    assert state(store) == empty
    assert store.verify().is_sound


@pytest.mark.parametrize("later", ["overwrites", "confirms", "compact"])
def test_a_run_that_later_ones_built_on_is_refused(store: mtstore.Store, later: str) -> None:
    ingest(store, frame("14:30", 3))
    run = ingest(store, frame("14:40", 3))
    covers = (pd.Timestamp(f"{DAY} 14:40", tz="UTC"), pd.Timestamp(f"{DAY} 14:43", tz="UTC"))
    if later == "compact":
        store.compact()
    else:
        bars = frame("14:40", 3, price=100.0 if later == "confirms" else 101.0)
        bars["vwap"] = float("nan")
        ingest(store, bars, covers=covers)
    before = state(store)
    with pytest.raises(InputError, match=rf"run: {run} cannot be undone: run .+ built on its bars of AAPL") as error:
        store.undo(run)
    assert state(store) == before, error.value


def test_a_run_beside_it_is_no_hindrance(store: mtstore.Store) -> None:
    run = ingest(store, frame("14:30", 3))
    ingest(store, frame("15:30", 3))
    before = bars_of(store)
    store.undo(run)
    assert bars_of(store) == before[3:]


def test_files_beyond_the_grace_period_do_not_come_back(tmp_path: Path) -> None:
    store = mtstore.open(tmp_path / "store", create=True, grace=timedelta(milliseconds=1))
    ingest(store, frame("14:30", 3))
    run = ingest(store, frame("14:31", 3, price=500.0))
    time.sleep(0.01)
    before = bars_of(store)
    with pytest.raises(InputError, match="1 of the 1 data files that it replaced are deleted, because"):
        store.undo(run)
    assert bars_of(store) == before


def test_names_that_are_not_runs(store: mtstore.Store) -> None:
    with pytest.raises(InputError, match="run: the store has no run to undo"):
        store.undo()
    run = ingest(store, frame("14:30", 3))
    with pytest.raises(InputError, match=rf"run: was 'nonsense'; use a run .*; the newest is {run}"):
        store.undo("nonsense")
    store.undo(run[:8])
    with pytest.raises(InputError, match=rf"run: was '{run}'"):
        store.undo(run)


Steps = list[tuple[int, int, bool]]


@settings(max_examples=8)
@given(steps=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 8), st.booleans()), min_size=1, max_size=5))
def test_undoing_every_run_backwards_shows_each_earlier_state(
    tmp_path_factory: pytest.TempPathFactory, steps: Steps
) -> None:
    with mtstore.open(tmp_path_factory.mktemp("undo") / "store", create=True) as store:
        states = [state(store)]
        for number, (first, count, is_covered) in enumerate(steps):
            bars = frame(f"14:{30 + first}", count, price=100.0 + number)
            covers = (bars["ts_event"].iloc[0], bars["ts_event"].iloc[-1] + pd.Timedelta("5min"))
            ingest(store, bars, covers=covers if is_covered else None)
            states.append(state(store))
        for expected in reversed(states[:-1]):
            store.undo()
            assert state(store) == expected


def test_the_command(store: mtstore.Store, capfd: pytest.CaptureFixture[str]) -> None:
    run = ingest(store, frame("14:30", 3))
    assert run_command(["undo", str(store.path)]) == 0
    expected = f"undone: run {run}, 1 ticker: AAPL; files with 3 bars taken back, with 0 restored"
    assert expected in capfd.readouterr().err
    assert run_command(["undo", str(store.path), "x"]) == 2
