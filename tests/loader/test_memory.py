from __future__ import annotations

import asyncio
import os
import threading

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore.errors import InputError, MemoryLimitError
from mtstore.query.cache import result_cache
from mtstore.query.table.memory_budget import duckdb_limit, load_limit
from tests.kits.bar_stores import add_bars, make_store, minutes, walk

DAY = "2023-11-22"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    tables = {"AAA": walk(minutes(DAY)), "BBB": walk(minutes(DAY)[::3], base=20.0, seed=1)}
    with make_store(tmp_path_factory.mktemp("memory") / "store", tables, covers=(DAY, "2023-11-23")) as store:
        return store.path


def loader(path, **multi):
    config = {"store": str(path), "tickers": ["AAA", "BBB"], "validation": {"enabled": False}}
    return mtstore.MultiTickerDataLoader({**config, **multi})


def test_a_load_that_does_not_fit_says_its_size_and_what_to_do(path):
    with loader(path, memory_limit="10KB") as loads:
        with pytest.raises(MemoryLimitError, match=r"390 rows × 10 columns of float64.*iter_data.*float32.*mmap"):
            loads.load_data(DAY, DAY)
        assert loads.load_data(DAY, DAY, fields="close", dtype="float32").shape == (390, 2)


@pytest.mark.parametrize("alignment", [{}, {"across_sessions": False, "method": "forward_fill"}])
def test_no_way_of_making_a_frame_passes_the_limit(path, alignment):
    with loader(path, memory_limit="10KB", alignment=alignment) as loads, pytest.raises(MemoryLimitError):
        loads.load_data(DAY, DAY)


def test_chunks_fit_where_the_whole_does_not(path):
    with loader(path, memory_limit="20KB") as loads:
        with pytest.raises(MemoryLimitError):
            loads.load_data(DAY, DAY)
        assert sum(map(len, loads.iter_data(DAY, DAY, chunk="1h"))) == 390


def test_single_precision_is_the_rounded_double(path):
    with loader(path, alignment={"method": "forward_fill"}) as loads:
        exact = loads.load_data(DAY, DAY)
        half = loads.load_data(DAY, DAY, dtype="float32")
        with pytest.raises(InputError, match="float64, float32"):
            loads.load_data(DAY, DAY, dtype="int32")
    assert set(half.dtypes) == {np.dtype("float32")}
    pd.testing.assert_frame_equal(half, exact.astype("float32"))


def test_the_limit_bounds_duckdb_too(path):
    with loader(path, memory_limit="2GB") as loads:
        assert load_limit(loads.config) == 2_000_000_000
        assert duckdb_limit(loads.config) == "1000MB"
        ((limit, folder),) = loads.store.sql(
            "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
        ).fetchall()
    assert limit == "953.6 MiB"
    assert folder.startswith(str(path / "tmp"))


def test_report_has_rows_seconds_and_peak_memory(path):
    with loader(path) as loads:
        before = loads.report
        frame = loads.load_data(DAY, DAY)
        report = loads.report
    assert before is None
    assert report is not None
    assert (report.rows, report.columns) == frame.shape
    assert report.output_bytes == frame.to_numpy().nbytes
    assert report.peak_memory_bytes > report.output_bytes
    assert report.seconds > 0
    assert [(entry.ticker, entry.rows, entry.error) for entry in report] == [("AAA", 390, None), ("BBB", 130, None)]
    assert report.to_pandas().loc["BBB", "completeness"] == pytest.approx(1 / 3)
    assert "peak memory" in str(report)


def test_report_lists_missing_data_of_a_ticker(path):
    with loader(path, on_missing="warn", tickers=["AAA", "NONE"]) as loads:
        with pytest.warns(UserWarning, match="does not cover"):
            loads.load_data(DAY, "2023-11-24")
        report = loads.report
    assert "not covered: NONE" in report["NONE"].error
    assert "AAA [2023-11-24 09:30" in report["AAA"].error


def test_an_async_load_is_the_load(path):
    async def both(loads):
        return await asyncio.gather(
            loads.load_data_async(DAY, DAY), loads.load_data_async(DAY, DAY, tickers=["BBB"], fields=["close"])
        )

    with loader(path) as loads:
        whole, part = asyncio.run(both(loads))
        pd.testing.assert_frame_equal(whole, loads.load_data(DAY, DAY))
        pd.testing.assert_frame_equal(part, loads.load_data(DAY, DAY, tickers=["BBB"], fields=["close"]))


def test_everything_honours_a_snapshot(tmp_path):
    with make_store(tmp_path / "store", {"AAA": walk(minutes(DAY))}, covers=(DAY, "2023-11-23")) as other:  # noqa: SIM117
        with loader(tmp_path / "store", tickers=["AAA"]) as loads:
            store = loads.store

            def everything():
                return [
                    loads.load_data(DAY, DAY),
                    asyncio.run(loads.load_data_async(DAY, DAY)),
                    pd.concat(loads.iter_data(DAY, DAY, chunk="3h")),
                    loads.get_ticker_data("AAA", DAY, DAY),
                    store.bars("AAA").to_pandas(),
                    store.resample("AAA", "5min").to_pandas(),
                    store.align("AAA", "5min").to_pandas(),
                    pd.DataFrame(store.tensor("AAA", "1min", DAY, DAY).values[:, 0]),
                    pd.DataFrame(store.tensor("AAA", "1min", DAY, DAY, mmap=True).values[:, 0]),
                    store.sql("SELECT sum(close) AS total FROM bars").to_pandas(),
                ]

            with store.snapshot():
                before = everything()
                add_bars(other, {"AAA": walk(minutes(DAY), base=500.0)})
                for old, same in zip(before, everything(), strict=True):
                    pd.testing.assert_frame_equal(old, same, check_freq=False)
            for old, new in zip(before, everything(), strict=True):
                assert not old.equals(new)


def test_prefetch_gives_the_size_of_what_the_range_reads(path):
    with loader(path) as loads:
        ((size,),) = loads.store.sql("SELECT sum(byte_size) FROM files").fetchall()
        assert loads.prefetch(DAY, DAY) == size
        assert loads.prefetch("2020-01-01", "2020-02-01") == 0


def test_clearing_the_cache_removes_derived_results_and_keeps_bars(path):
    with loader(path) as loads:
        loads.load_data(DAY, DAY)
        loads.store.tensor(["AAA"], "1min", DAY, DAY, mmap=True)
        loads.store.tensor(["BBB"], "1min", DAY, DAY, mmap=True)
        assert loads.clear_cache(tickers=["AAA"]) > 0
        assert [entry.tickers for entry in result_cache.cached_results(loads.store)] == [("BBB",)]
        assert loads.clear_cache() > 0
        assert result_cache.cached_results(loads.store) == []
        assert loads.aligned_data is None
        assert len(loads.load_data(DAY, DAY)) == 390


def _handles():
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def _check_no_more_than(before):
    # Fewer are left if threads of earlier tests ended meanwhile.
    assert all(now <= then for now, then in zip(_handles(), before, strict=True))


def _load_many(path, loaders, loads_each=1):
    for number in range(loaders):
        with loader(path) as loads:
            for _ in range(loads_each):
                loads.load_data(DAY, DAY, fields=["close"])
            if number % 4 == 0:
                next(loads.iter_data(DAY, DAY, chunk="1h", fields=["close"]))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts handles in /proc")
def test_loads_leave_neither_handles_nor_threads_behind(path):
    _load_many(path, 2)
    before = _handles()
    _load_many(path, 8)
    _check_no_more_than(before)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts handles in /proc")
def test_a_thousand_loads_leave_neither_handles_nor_threads_behind(path):
    _load_many(path, 20)
    before = _handles()
    _load_many(path, 100, loads_each=10)
    _check_no_more_than(before)
