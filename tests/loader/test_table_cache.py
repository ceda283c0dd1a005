from __future__ import annotations

import json
import logging
import multiprocessing
import shutil
import warnings
from itertools import cycle

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore.errors import DataQualityError
from mtstore.loader.validation.outcome import DataQualityWarning
from mtstore.query.align import assemble as wide
from mtstore.query.cache import result_cache, table_cache
from tests.kits.bar_stores import add_bars, bars, make_store, minutes, walk
from tests.kits.store_paths import StorePlace

DAY, NEXT = "2023-11-22", "2023-11-24"
COVERS = (DAY, "2023-11-25")


@pytest.fixture(autouse=True)
def _keep_everything(monkeypatch):
    monkeypatch.setattr(table_cache, "MIN_TABLE_BYTES", 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    tables = {
        "AAA": walk([*minutes(DAY), *minutes(NEXT, count=210)]),
        "BBB": walk(minutes(DAY)[::3], base=20.0, seed=1),
        "CCC": walk([*minutes(DAY)[::6], *minutes(NEXT, count=150)], base=70.0, seed=2),
    }
    with make_store(tmp_path_factory.mktemp("place") / "store", tables, covers=COVERS) as made:
        return StorePlace(made.path)


@pytest.fixture
def store(place):
    with mtstore.open(place.fresh()) as opened:
        yield opened


def loader(store, *, cache=None, validation=None, overrides=None, **alignment):
    multi = {
        "store": str(store.path),
        "tickers": ["AAA", "BBB", "CCC"],
        "alignment": alignment,
        "validation": validation or {"enabled": False},
        "cache": cache or {},
    }
    return mtstore.MultiTickerDataLoader({"multi_ticker": multi, "ticker_config": {"overrides": overrides or {}}})


def load(store, *, options=None, **config):
    with loader(store, **config) as loads:
        return loads.load_data(DAY, NEXT, **(options or {}))


@pytest.fixture
def assembled(monkeypatch):
    """How often a table was made, not found."""
    calls = []
    real = wide.assemble

    def count(*arguments, **options):
        calls.append(arguments)
        return real(*arguments, **options)

    monkeypatch.setattr("mtstore.loader.load.load_table.assemble", count)
    return calls


WAYS = {
    "outer": {},
    "inner": {"method": "inner_join"},
    "filled": {"method": "forward_fill"},
    "filled within sessions": {"method": "forward_fill", "across_sessions": False},
    "flat bars": {"method": "forward_fill", "fill_prices": "close"},
    "looked back": {"method": "forward_fill", "lookback": "2d"},
    "five minutes": {"resampling": "5min"},
    "right edges": {"resampling": "5min", "label": "right"},
    "daily": {"resampling": "1d"},
    "value for missing": {"fill_value": -1.0},
    "value for missing within sessions": {"method": "forward_fill", "across_sessions": False, "fill_value": -1.0},
    "London": {"timezone": "Europe/London"},
    "all hours": {"session": "all"},
}
OPTIONS = {
    "plain": {},
    "float32": {"dtype": "float32"},
    "one field": {"fields": "close", "columns": "multi"},
    "counts": {"fields": ["bar_count", "volume", "vwap"]},
}


# Each way once, with each of the options in turn, so that all options meet several ways.
TURNS = {f"{way}, {option}": (WAYS[way], OPTIONS[option]) for way, option in zip(WAYS, cycle(OPTIONS))}


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("alignment", "options"), TURNS.values(), ids=TURNS)
def test_a_repeated_load_is_mapped_and_equals_one_that_is_made(store, assembled, alignment, options):
    expected = load(store, options=options, cache={"derived": False}, **alignment)
    assert result_cache.cached_results(store.repository) == []
    first = load(store, options=options, **alignment)
    assert len(assembled) == 2
    again = load(store, options=options, **alignment)
    assert len(assembled) == 2
    pd.testing.assert_frame_equal(first, expected)
    pd.testing.assert_frame_equal(again, expected)
    assert again.index.equals(expected.index)
    assert [entry.tickers for entry in result_cache.cached_results(store.repository)] == [("AAA", "BBB", "CCC")]


def test_writing_into_a_frame_changes_no_other_frame(store):
    expected = load(store, cache={"derived": False})
    for _ in range(2):  # the first made it, the second found it
        frame = load(store)
        frame.iloc[:, 0] = 1.0
        frame.loc[frame.index[3], "BBB_close"] = 2.0
        values = frame.to_numpy(copy=False)
        assert values[3, list(frame.columns).index("BBB_close")] == 2.0
    with loader(store) as loads:
        made = loads.load_data(DAY, NEXT)
        array = made._mgr.blocks[0].values  # what lies under the frame, past pandas' own copy-on-write
        array[:] = 7.0
        assert (made == 7.0).all(axis=None)
    pd.testing.assert_frame_equal(load(store), expected)


@pytest.mark.parametrize("name", ["shape.json", "values.bin", "present.bin", "times.bin", "facts.json"])
@pytest.mark.parametrize("spoil", [lambda content: content[: len(content) // 2], lambda _: b""], ids=["half", "empty"])
def test_damaged_table_warns_and_is_rebuilt(store, assembled, caplog, name, spoil):
    expected = load(store)
    (entry,) = result_cache.cached_results(store.repository)
    content = (entry.path / name).read_bytes()
    (entry.path / name).unlink()
    (entry.path / name).write_bytes(spoil(content))
    pd.testing.assert_frame_equal(load(store), expected)
    assert "a cached result is damaged and is rebuilt" in caplog.text
    assert len(assembled) == 2
    pd.testing.assert_frame_equal(load(store), expected)
    assert len(assembled) == 2


CHANGES = {
    "method": {"method": "inner_join"},
    "interval": {"resampling": "5min"},
    "fill value": {"fill_value": 0.0},
    "label": {"label": "right"},
    "session": {"session": "all"},
    "a ticker's session": {"overrides": {"AAA": {"session_start": "10:00", "session_end": "12:00"}}},
    "validation": {"validation": {"max_gap_minutes": 30, "outlier_std_threshold": 50}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_configuration_misses(store, assembled, change):
    load(store)
    load(store, **change)
    assert len(assembled) == 2
    pd.testing.assert_frame_equal(load(store, **change), load(store, **change, cache={"derived": False}))


def test_other_bars_miss_and_bars_elsewhere_do_not(store, assembled):
    load(store)
    add_bars(store, {"DDD": walk(minutes(DAY))}, covers=COVERS)
    add_bars(store, {"AAA": walk(minutes("2019-11-22"))})
    load(store)
    assert len(assembled) == 1
    add_bars(store, {"BBB": walk(minutes(DAY), base=900.0)}, covers=COVERS)
    after = load(store)
    assert len(assembled) == 2
    assert after["BBB_close"].min() >= 900


def test_an_active_range_that_changes_misses(store, assembled):
    def load_until(last):
        tickers = {"AAA": {"active_to": last} if last else {}, "BBB": {}, "CCC": {}}
        with mtstore.MultiTickerDataLoader(
            {"multi_ticker": {"store": str(store.path), "tickers": tickers, "validation": {"enabled": False}}}
        ) as loads:
            return loads.load_data(DAY, NEXT)

    assert load_until(None)["AAA_close"].notna().sum() == 600
    assert load_until(DAY)["AAA_close"].notna().sum() == 390
    assert load_until(DAY)["AAA_close"].notna().sum() == 390
    assert len(assembled) == 2


def _holey():
    flat = [(at, 100.0, 100.0, 100.0, 100.0, 10.0) for at in minutes(DAY)]
    rows = [
        (row[0], *(value * (2 if number == 200 else 1 + number % 3 / 100) for value in row[1:5]), 10.0)
        for number, row in enumerate(flat)
    ]
    return bars(row for number, row in enumerate(rows) if not 100 <= number < 130)


@pytest.mark.parametrize("on_failure", ["warn", "flag", "drop"])
def test_what_was_found_is_said_again(store, assembled, on_failure):
    add_bars(store, {"AAA": _holey()}, covers=COVERS)
    validation = {"on_failure": on_failure, "outlier_std_threshold": 5.0}
    frames, texts, reports = [], [], []
    for _ in range(2):
        with loader(store, validation=validation) as loads, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            frames.append(loads.load_data(DAY, NEXT))
        texts.append([str(one.message) for one in caught if one.category is DataQualityWarning])
        reports.append([(one.gaps, one.outliers, one.rows) for one in loads.report])
    assert len(assembled) == 1
    assert texts[0] == texts[1] != []
    assert reports[0] == reports[1]
    assert reports[0][0][0] > 0
    pd.testing.assert_frame_equal(*frames)
    assert ("AAA_is_outlier" in frames[1]) == (on_failure == "flag")


def test_failed_load_is_not_cached(store):
    add_bars(store, {"AAA": _holey()}, covers=COVERS)
    for _ in range(2):
        with pytest.raises(DataQualityError):
            load(store, validation={"on_failure": "raise"})
    assert result_cache.cached_results(store.repository) == []
    assert list((store.path / "tmp").glob("run-*")) == []


@pytest.mark.parametrize("cache", [{"enabled": False}, {"derived": False}, {"ttl_days": 0}, {"max_size_gb": 1e-9}])
def test_disabled_cache_stores_no_table(store, cache):
    load(store, cache=cache)
    assert result_cache.cached_results(store.repository) == []


def test_small_tables_are_not_cached(store, monkeypatch):
    monkeypatch.setattr(table_cache, "MIN_TABLE_BYTES", 16_000_000)
    load(store)
    assert result_cache.cached_results(store.repository) == []


def test_what_was_used_longest_ago_makes_room(store, assembled):
    load(store)
    (entry,) = result_cache.cached_results(store.repository)
    room = {"max_size_gb": 2.5 * entry.byte_size / 1e9}
    load(store, cache=room, fill_value=1.0)
    load(store, cache=room)  # used again
    load(store, cache=room, fill_value=2.0)
    assert len(result_cache.cached_results(store.repository)) == 2
    load(store, cache=room)
    load(store, cache=room, fill_value=2.0)
    assert len(assembled) == 3
    load(store, cache=room, fill_value=1.0)
    assert len(assembled) == 4


def test_unused_tables_expire_after_the_ttl(store):
    load(store, cache={"ttl_days": 1e-9})
    load(store, cache={"ttl_days": 1e-9}, fill_value=1.0)
    assert len(result_cache.cached_results(store.repository)) <= 1


def test_a_full_disk_costs_the_copy_and_not_the_load(store, monkeypatch, caplog):
    usage = shutil.disk_usage(store.path)
    expected = load(store, cache={"derived": False})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=usage.total // 100))
    with caplog.at_level(logging.WARNING):
        frame = load(store)
    pd.testing.assert_frame_equal(frame, expected)
    assert result_cache.cached_results(store.repository) == []
    assert "not cached" in caplog.text


@pytest.mark.parametrize("broken", ["posix_fallocate", "put"])
def test_a_disk_that_fails_costs_the_copy_and_not_the_load(store, monkeypatch, caplog, broken):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        "os.posix_fallocate" if broken == "posix_fallocate" else "mtstore.query.cache.result_cache.store_result", fail
    )
    with caplog.at_level(logging.WARNING):
        frame = load(store)
    pd.testing.assert_frame_equal(frame, load(store, cache={"derived": False}))
    assert "No space left" in caplog.text


def test_what_was_not_forced_to_disk_is_not_trusted_after_a_restart(store, assembled, monkeypatch):
    expected = load(store)
    monkeypatch.setattr(result_cache, "_boot", lambda: "another-run-of-the-system")
    (entry,) = result_cache.cached_results(store.repository)
    assert not entry.is_good
    values = entry.path / "values.bin"
    values.chmod(0o644)
    values.write_bytes(bytes(values.stat().st_size))  # what a power cut leaves
    pd.testing.assert_frame_equal(load(store), expected)
    assert len(assembled) == 2
    pd.testing.assert_frame_equal(load(store), expected)
    assert len(assembled) == 2


def test_an_entry_that_goes_while_it_is_read_is_made_again(store, assembled, monkeypatch):
    expected = load(store)
    real = result_cache.find_result

    def find_and_lose(place, key):
        folder = real(place, key)
        if folder is not None:
            shutil.rmtree(folder)
        return folder

    monkeypatch.setattr(result_cache, "find_result", find_and_lose)
    frame = load(store)
    assert len(assembled) == 2
    pd.testing.assert_frame_equal(frame, expected)


def test_clearing_the_cache_leaves_frames_that_are_held(store):
    with loader(store) as loads:
        frame = loads.load_data(DAY, NEXT)
        total = float(np.nansum(frame.to_numpy()))
        assert loads.clear_cache(tickers=["BBB"]) > 0
        assert result_cache.cached_results(store.repository) == []
        assert float(np.nansum(frame.to_numpy())) == total


def _load_in_child(path, queue):
    table_cache.MIN_TABLE_BYTES = 1
    multi = {"store": str(path), "tickers": ["AAA", "BBB", "CCC"], "validation": {"enabled": False}}
    with mtstore.MultiTickerDataLoader(multi) as loads:
        sums = {float(np.nansum(loads.load_data(DAY, NEXT).to_numpy())) for _ in range(5)}
    queue.put(json.dumps(sorted(sums)))


def test_processes_that_load_at_once_agree_and_share_one_entry(store):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    children = [context.Process(target=_load_in_child, args=(store.path, queue)) for _ in range(2)]
    for child in children:
        child.start()
    answers = {queue.get(timeout=120) for _ in children}
    for child in children:
        child.join()
    assert answers == {json.dumps([float(np.nansum(load(store, cache={"derived": False}).to_numpy()))])}
    assert len(result_cache.cached_results(store.repository)) == 1
    assert not list((store.path / "tmp").glob("run-*"))
