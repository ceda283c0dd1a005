from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np
import pytest

import mtstore
from mtstore.errors import InputError, MemoryLimitError
from mtstore.query.cache import result_cache
from tests.kits.bar_stores import add_bars, make_store, minutes, walk

DAY = "2023-11-22"
HALF_DAY = "2023-11-24"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    tables = {
        "AAA": walk(minutes(DAY) + minutes(HALF_DAY, count=210)),
        "BBB": walk([at for number, at in enumerate(minutes(DAY)) if number % 3], base=20.0, seed=1),
        "CCC": walk(minutes("2023-11-27")[:60:7], base=5.0, seed=2),
    }
    with make_store(tmp_path_factory.mktemp("tensor") / "store", tables, covers=("2023-11-20", "2023-11-29")) as made:
        yield made


def from_sql(store, tensor, interval, options=""):
    """The macro's answer in the tensor's shape: values and presence."""
    columns = ", ".join(tensor.fields)
    rows = store.sql(
        f"SELECT ticker, {columns}, is_present FROM aligned_grid($tickers, $step, start_ts := DATE '2023-11-22', "
        f"end_ts := DATE '2023-11-27' {options}) ORDER BY ts_event, list_position($tickers, ticker)",
        {"tickers": list(tensor.tickers), "step": interval},
    ).to_numpy()
    values = np.stack([rows[name] for name in tensor.fields], axis=-1)
    return values.reshape(tensor.values.shape), rows["is_present"].reshape(tensor.mask.shape)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize(
    ("interval", "options", "sql"),
    [
        ("1min", {}, ""),
        ("5min", {"fill": "forward", "fill_volume": "ffill"}, ", fill := 'forward', fill_volume := 'ffill'"),
        ("1d", {"session": "all"}, ", session := 'all'"),
    ],
)
def test_a_tensor_equals_the_macro_aligned_grid(store, mmap, interval, options, sql):
    fields = ("close", "volume", "vwap", "transactions")
    tickers = ["BBB", "AAA", "CCC"]
    tensor = store.tensor(tickers, interval, "2023-11-22", "2023-11-27", fields=fields, mmap=mmap, **options)
    values, mask = from_sql(store, tensor, interval, sql)
    np.testing.assert_allclose(tensor.values, values, rtol=1e-12)
    np.testing.assert_array_equal(tensor.mask, mask)
    assert tensor.tickers == tuple(tickers)


def test_a_tensor_has_every_minute_of_every_session_whatever_was_traded(store):
    values, mask, index, tickers = store.tensor(["AAA", "CCC"], "1min", "2023-11-22", "2023-11-27")
    assert values.shape == (390 + 210 + 390, 2, 5)
    assert mask.sum(axis=0).tolist() == [600, 9]
    assert (str(index[0]), str(index[-1])) == ("2023-11-22 09:30:00-05:00", "2023-11-27 15:59:00-05:00")
    assert tickers == ("AAA", "CCC")
    assert np.array_equal(np.isnan(values).all(axis=2), ~mask)


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("dtype", ["float32", np.float64])
def test_values_are_contiguous_and_of_the_type_asked_for(store, dtype, mmap):
    tensor = store.tensor(["AAA"], "1min", DAY, DAY, dtype=dtype, mmap=mmap)
    assert tensor.values.dtype == np.dtype(dtype)
    assert tensor.values.flags.c_contiguous
    assert tensor.mask.flags.c_contiguous
    exact = store.tensor(["AAA"], "1min", DAY, DAY).values
    np.testing.assert_array_equal(tensor.values, exact.astype(dtype))


def test_a_type_that_is_no_float_is_refused(store):
    with pytest.raises(InputError, match="float64, float32"):
        store.tensor(["AAA"], "1min", DAY, DAY, dtype="int64")


def test_windows_are_views_that_never_reach_over_the_end(store):
    tensor = store.tensor(["AAA", "BBB"], "1min", DAY, DAY)
    windows = list(tensor.windows(60, stride=50))
    assert [len(window) for window in windows] == [60] * 7
    assert all(np.shares_memory(window.values, tensor.values) for window in windows)
    assert all(np.shares_memory(window.mask, tensor.mask) for window in windows)
    np.testing.assert_array_equal(windows[3].values, tensor.values[150:210])
    assert windows[3].index[0] == tensor.index[150]
    assert list(tensor.windows(391)) == []
    with pytest.raises(InputError, match="at least 1"):
        tensor.windows(0)


def test_a_mapped_tensor_is_made_once_and_cannot_be_changed(store):
    first = store.tensor(["AAA"], "1min", DAY, HALF_DAY, fields=["close"], mmap=True)
    (entry,) = [
        entry
        for entry in result_cache.cached_results(store.repository)
        if entry.path.name in str(first.values.filename)
    ]
    made_at = (entry.path / "values.bin").stat().st_ctime_ns
    second = store.tensor(["AAA"], "1min", DAY, HALF_DAY, fields=["close"], mmap=True)
    assert second.values.filename == first.values.filename
    assert (entry.path / "values.bin").stat().st_ctime_ns == made_at
    assert entry.tickers == ("AAA",)
    with pytest.raises(ValueError, match="read-only"):
        first.values[0] = 0


def _map_in_child(path, queue):
    with mtstore.open(path) as store:
        tensor = store.tensor(["AAA", "BBB", "CCC"], "7min", DAY, "2023-11-27", mmap=True)
        values: Any = tensor.values
        queue.put((str(values.filename), float(np.nansum(tensor.values))))


def test_processes_that_ask_at_once_share_one_file(store):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    children = [context.Process(target=_map_in_child, args=(store.path, queue)) for _ in range(2)]
    for child in children:
        child.start()
    answers = {queue.get(timeout=120) for _ in children}
    for child in children:
        child.join()
    assert len(answers) == 1
    assert not list((store.path / "tmp").glob("run-*"))


def test_a_mapped_tensor_follows_the_data_it_was_made_from(tmp_path):
    with make_store(tmp_path / "store", {"AAA": walk(minutes(DAY))}) as store:
        before = store.tensor(["AAA"], "1min", DAY, DAY, fields=["close"], mmap=True)
        add_bars(store, {"AAA": walk(minutes(DAY), base=900.0)})
        after = store.tensor(["AAA"], "1min", DAY, DAY, fields=["close"], mmap=True)
        np.testing.assert_array_equal(after.values, before.values + 800)
        for entry in result_cache.cached_results(store.repository):
            result_cache.delete_result(entry)
        assert result_cache.cached_results(store.repository) == []
        assert float(before.values[0, 0, 0]) == 100.5


def test_a_tensor_that_does_not_fit_is_refused_and_its_mapped_form_is_not(store):
    for limit, what in ((10_000, "the rows of 2023-11-22"), (50_000, "390 rows × 10 columns")):
        with pytest.raises(MemoryLimitError, match=f"{what}.*mmap=True"):
            store.tensor(["AAA", "BBB"], "1min", DAY, DAY, memory_limit=limit)
    assert len(store.tensor(["AAA", "BBB"], "1min", DAY, DAY, mmap=True, memory_limit=100_000)) == 390


def test_a_range_without_sessions_gives_an_empty_tensor(store):
    for mmap in (False, True):
        tensor = store.tensor(["AAA", "BBB"], "1min", "2023-11-25", "2023-11-26", mmap=mmap)
        assert tensor.values.shape == (0, 2, 5)
        assert list(tensor.windows(1)) == []
