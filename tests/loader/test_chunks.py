from __future__ import annotations

import gc
import threading
import time

import pandas as pd
import pytest

import mtstore
from mtstore.errors import InputError, MissingDataError
from tests.kits.bar_stores import add_bars, make_store, minutes, walk

RANGE = ("2023-11-20", "2023-11-30")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    days = [minutes(f"2023-11-{day}") for day in (20, 21, 22, 27, 28, 29, 30)] + [minutes("2023-11-24", count=210)]
    every = sorted(at for day in days for at in day)
    tables = {
        "AAA": walk(every[::2]),
        "BBB": walk([at for number, at in enumerate(every) if number % 7 == 3], base=20.0, seed=1),
        # Nothing for a week, so that values are carried over whole chunks.
        "CCC": walk(minutes("2023-11-20")[10:20] + minutes("2023-11-30")[100:110], base=7.0, seed=2),
    }
    with make_store(tmp_path_factory.mktemp("chunks") / "store", tables, covers=("2023-11-20", "2023-12-01")) as made:
        return made.path


def loader(path, **alignment):
    config = {"store": str(path), "tickers": ["CCC", "AAA", "BBB"], "validation": {"enabled": False}}
    return mtstore.MultiTickerDataLoader({**config, "alignment": {"resampling": "5min", **alignment}})


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("chunk", "alignment"),
    [
        ("1D", {"method": "outer_join"}),
        ("3D", {"method": "inner_join"}),
        ("7h", {"method": "forward_fill"}),
        ("1D", {"method": "forward_fill", "max_age": "2d", "fill_volume": "ffill", "fill_prices": "close"}),
        ("50h", {"method": "forward_fill", "across_sessions": False, "lookback": "1d", "label": "right"}),
        ("3D", {"method": "outer_join", "session": "all", "resampling": "1d", "timezone": "UTC", "fill_value": -1.0}),
    ],
)
def test_all_chunks_together_are_the_load(path, chunk, alignment):
    with loader(path, **alignment) as loads:
        whole = loads.load_data(*RANGE)
        parts = list(loads.iter_data(*RANGE, chunk=chunk))
    assert all(len(part) for part in parts)
    pd.testing.assert_frame_equal(pd.concat(parts), whole, check_freq=False)


@pytest.mark.parametrize("bounds", [(None, None), ("2023-11-21 11:00", "2023-11-29 12:00"), (None, "2023-11-27")])
def test_chunks_of_open_ranges_and_of_instants_are_the_load(path, bounds):
    with loader(path, method="forward_fill") as loads:
        whole = loads.load_data(*bounds)
        parts = list(loads.iter_data(*bounds, chunk="2D"))
    assert len(parts) > 3
    pd.testing.assert_frame_equal(pd.concat(parts), whole, check_freq=False)


def test_a_range_without_rows_gives_one_empty_chunk(path):
    with loader(path) as loads:
        (only,) = loads.iter_data("2023-11-25", "2023-11-26", chunk="1D")
        assert list(only.columns) == list(loads.load_data(*RANGE).columns)
        assert only.empty


def test_all_chunks_are_read_from_the_generation_that_the_first_was_read_from(tmp_path):
    tables = {"AAA": walk([*minutes("2023-11-20"), *minutes("2023-11-21"), *minutes("2023-11-22")])}
    with make_store(tmp_path / "store", tables, covers=("2023-11-20", "2023-11-23")) as store:
        config = {"store": str(store.path), "tickers": ["AAA"], "validation": {"enabled": False}}
        with mtstore.MultiTickerDataLoader(config) as loads:
            before = loads.load_data("2023-11-20", "2023-11-22")
            chunks = loads.iter_data("2023-11-20", "2023-11-22", chunk="1D")
            parts = [next(chunks)]
            add_bars(store, {"AAA": walk(minutes("2023-11-22"), base=900.0)})
            parts += chunks
            pd.testing.assert_frame_equal(pd.concat(parts), before, check_freq=False)
            assert loads.load_data("2023-11-22", "2023-11-22")["AAA_close"].iloc[0] > 800


def test_what_is_wrong_with_a_range_is_said_before_the_first_chunk(path):
    with loader(path) as loads:
        with pytest.raises(MissingDataError, match="AAA"):
            loads.iter_data("2023-11-01", "2023-11-30")
        with pytest.raises(InputError, match="'30D'"):
            loads.iter_data(*RANGE, chunk="0D")


def test_an_iterator_that_is_left_early_leaves_no_thread_behind(path):
    with loader(path) as loads:
        before = threading.active_count()
        chunks = loads.iter_data(*RANGE, chunk="1D")
        next(chunks)
        chunks.close()
        assert threading.active_count() == before
        for _ in loads.iter_data(*RANGE, chunk="1D"):
            break
        del _
        gc.collect()
        deadline = time.monotonic() + 30
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.01)  # the thread ends after what it is busy with
        assert threading.active_count() == before
        assert list(chunks) == []


def test_closing_the_loader_ends_its_iterators(path):
    before = threading.active_count()
    with loader(path) as loads:
        chunks = loads.iter_data(*RANGE, chunk="1D")
        next(chunks)
    assert threading.active_count() == before
    assert list(chunks) == []


def test_the_report_counts_all_chunks(path):
    with loader(path) as loads:
        frame = loads.load_data(*RANGE)
        whole = loads.report
        list(loads.iter_data(*RANGE, chunk="2D"))
        parts = loads.report
    assert (parts.rows, parts.columns) == (whole.rows, whole.columns) == frame.shape
    assert [entry.rows for entry in parts] == [entry.rows for entry in whole]
    assert parts.output_bytes < whole.output_bytes
