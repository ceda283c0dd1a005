"""Rollups: whatever is computed from them is what the bars give, whoever makes or deletes them."""

from __future__ import annotations

import logging
import shutil
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mtstore
from mtstore.query.align.assemble import assemble, plan_fast_path
from mtstore.query.cache import result_cache
from mtstore.query.cache.size_limit import SizeLimit
from mtstore.query.fast import read_parquet
from mtstore.query.fast.rollups import Rollups, roll_up
from mtstore.query.request.request import AlignRequest
from mtstore.query.snapshot.store_facts import read_store_facts
from mtstore.query.table.wide_table import AssemblyOptions
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.bar_stores import add_bars, bars, make_store, us, walk
from tests.kits.examples import examples

NEW_YORK = ZoneInfo("America/New_York")
NAMES = ("AAA", "CUT", "NULLY", "SECONDS", "o'q")
FIELDS = ("open", "high", "low", "close", "volume", "transactions", "bar_count")
LIMIT = SizeLimit(10**9, None)
MINUTE = 60_000_000


def _times(days, first="13:00", count=600, step_us=MINUTE):
    return [us(f"{day}T{first}:00") + number * step_us for day in days for number in range(count)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Around the turn of a year and a half day, with pre-market and after hours; some data in several files."""
    days = ("2023-11-22", "2023-11-24", "2023-12-29", "2024-01-02")
    times = _times(days)
    nully = [
        (at, *(None if (number * 7 + column) % 5 == 0 else 50.0 + number % 17 + column for column in range(6)), None)
        for number, at in enumerate(times)
    ]
    seconds = _times(days[:2], first="14:40", count=1_500, step_us=1_000_000)
    store = make_store(tmp_path_factory.mktemp("rolled") / "store")
    add_bars(store, {"AAA": walk(times), "o'q": walk(times[::3], base=3.0, seed=1), "NULLY": bars(nully)})
    # The second file begins within five minutes, of which the first has two.
    cut = _times(days[:1], first="14:30", count=200)
    for part in (cut[:72], cut[72:]):
        add_bars(store, {"CUT": walk(part, base=9.0, seed=len(part))})
    add_bars(store, {"SECONDS": walk(seconds, base=70.0, seed=3)}, schema="ohlcv-1s")
    yield store
    store.close()


def table_of(store, call, fields=FIELDS, rollups=None):
    with store.repository.connection() as connection:
        return assemble(connection, call, fields, AssemblyOptions(rollups=rollups, with_close=True))


def assert_equal(one, other):
    assert one.tickers == other.tickers
    np.testing.assert_array_equal(one.ts_us, other.ts_us)
    np.testing.assert_array_equal(one.close_us, other.close_us)
    np.testing.assert_array_equal(one.present, other.present)
    np.testing.assert_array_equal(one.values, other.values)


def rolled(store):
    return sorted(path.name for path in result_cache.derived_folder(store.repository).glob("rollup-*"))


def _instant(number):
    return datetime(2023, 11, 22, 4, tzinfo=NEW_YORK) + number * timedelta(minutes=47)


@st.composite
def calls(draw):
    instants = st.integers(0, 1_300).map(_instant)
    dates = st.integers(0, 43).map(lambda number: date(2023, 11, 21) + timedelta(days=number))
    start = draw(st.one_of(st.none(), instants, dates))
    return AlignRequest.parse(
        draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True)),
        draw(st.sampled_from(["1min", "5min", "10min", "13min", "15min", "1h", "2h", "1d", "1w", "1mo"])),
        start,
        None if start is None else start + timedelta(days=draw(st.integers(1, 45))),
        method=draw(st.sampled_from(["outer_join", "inner_join", "forward_fill"])),
        session=draw(st.sampled_from(["regular", "all"])),
        anchor=draw(st.sampled_from(["session", "midnight", "epoch"])),
        tz=draw(st.sampled_from(["America/New_York", "UTC", "Asia/Kathmandu"])),
    )


@given(call=calls(), is_kept=st.booleans())
@examples(25, 100)
def test_every_answer_is_that_of_the_bars(store, call, is_kept):
    if not is_kept:
        shutil.rmtree(result_cache.derived_folder(store.repository), ignore_errors=True)
    expected = table_of(store, call)
    assert_equal(table_of(store, call, rollups=Rollups(store.repository, LIMIT, min_bars=1)), expected)
    assert_equal(table_of(store, call, rollups=Rollups(store.repository, min_bars=1)), expected)


def test_a_rollup_is_pandas_five_minutes(store):
    with store.repository.connection() as connection:
        call = AlignRequest.parse(["AAA"], "5min", None, None, session="all")
        chosen = plan_fast_path(read_store_facts(connection), call)
    assert chosen is not None
    for file in chosen.files["AAA"]:
        found = pd.DataFrame(roll_up(file))
        read = pd.read_parquet(file.path, columns=["ts_event", "open", "high", "low", "close", "volume"])
        groups = read.groupby(read["ts_event"].dt.floor("5min"))
        first, last, total = groups.first(), groups.last(), groups.sum(numeric_only=True)
        assert (
            found["ts_event"].tolist()
            == groups["ts_event"].min().astype("datetime64[us, UTC]").astype("int64").tolist()
        )
        assert found["open"].tolist() == first["open"].tolist()
        assert found["close"].tolist() == last["close"].tolist()
        assert found["high"].tolist() == groups["high"].max().tolist()
        assert found["low"].tolist() == groups["low"].min().tolist()
        assert found["volume"].tolist() == total["volume"].tolist()
        assert found["bar_count"].tolist() == groups.size().tolist()


@pytest.mark.parametrize(
    ("interval", "options", "fields", "is_served"),
    [
        ("5min", {}, FIELDS, True),
        ("1d", {}, FIELDS, True),
        ("1h", {"session": "all", "anchor": "epoch"}, FIELDS, True),
        ("1min", {}, FIELDS, False),
        ("13min", {}, FIELDS, False),
        ("5min", {}, ("close", "vwap"), False),
    ],
)
def test_which_calls_use_them(store, interval, options, fields, is_served):
    shutil.rmtree(result_cache.derived_folder(store.repository), ignore_errors=True)
    call = AlignRequest.parse(["AAA"], interval, None, None, **options)
    table_of(store, call, fields, Rollups(store.repository, LIMIT, min_bars=1))
    assert len(rolled(store)) == (2 if is_served else 0)


def test_a_session_that_opens_between_five_minutes_is_read_from_the_bars(tmp_path):
    times = _times(["2024-01-02"], first="14:00", count=120)
    config = {
        "multi_ticker": {
            "store": str(tmp_path / "store"),
            "tickers": {"AAA": {"session_start": "09:32", "session_end": "10:31", "timezone": "America/New_York"}},
        }
    }
    make_store(tmp_path / "store", {"AAA": walk(times)}).close()
    with mtstore.MultiTickerDataLoader(config) as loader, mtstore.open(tmp_path / "store") as store:
        apply_config(store.repository, loader.config)
        call = AlignRequest.parse(["AAA"], "5min", None, None)
        found = table_of(store, call, rollups=Rollups(store.repository, LIMIT, min_bars=1))
        assert rolled(store) == []
        assert found.ts_us[0] == us("2024-01-02T14:32:00")


def test_rollups_deleted_while_read_change_nothing(store):
    call = AlignRequest.parse(NAMES[:3], "15min", None, None)
    expected = table_of(store, call)
    table_of(store, call, rollups=Rollups(store.repository, LIMIT, min_bars=1))
    with store.repository.connection() as connection:
        chosen = plan_fast_path(read_store_facts(connection), call)
    assert chosen is not None
    reading = read_parquet.ParquetRead(chosen, FIELDS, Rollups(store.repository, min_bars=1))
    shutil.rmtree(result_cache.derived_folder(store.repository))
    values = np.empty(expected.values.shape)
    present = np.zeros(expected.present.shape, dtype=bool)

    class Buffer:
        def rows(self, number):
            return values[number * len(FIELDS) : (number + 1) * len(FIELDS)]

        def done(self, number, rows):
            pass

    def finish(number, rows):
        rows[FIELDS.index("bar_count"), ~present[number]] = 0

    buffer: Any = Buffer()
    reading.fill(buffer, present, finish)
    np.testing.assert_array_equal(values, expected.values)
    np.testing.assert_array_equal(present, expected.present)


def test_a_small_part_of_a_file_makes_none(store):
    shutil.rmtree(result_cache.derived_folder(store.repository), ignore_errors=True)
    rollups = Rollups(store.repository, LIMIT, min_bars=1)
    table_of(store, AlignRequest.parse(["AAA"], "5min", "2023-11-22", "2023-11-22"), rollups=rollups)
    assert rolled(store) == []


def test_new_bars_have_a_rollup_of_their_own(tmp_path):
    times = _times(["2024-01-02"], first="14:30", count=390)
    call = AlignRequest.parse(["AAA"], "5min", None, None)
    with make_store(tmp_path / "store", {"AAA": walk(times)}) as store:
        table_of(store, call, rollups=Rollups(store.repository, LIMIT, min_bars=1))
        add_bars(store, {"AAA": walk(times, base=500.0)})
        found = table_of(store, call, rollups=Rollups(store.repository, LIMIT, min_bars=1))
        assert len(rolled(store)) == 2
        assert_equal(found, table_of(store, call))
        assert found.values[0, 0] >= 500


def test_they_keep_within_their_room(store):
    shutil.rmtree(result_cache.derived_folder(store.repository), ignore_errors=True)
    call = AlignRequest.parse(NAMES[:3], "5min", None, None)
    found = table_of(store, call, rollups=Rollups(store.repository, SizeLimit(1, None), min_bars=1))
    assert rolled(store) == []
    assert_equal(found, table_of(store, call))


def test_a_disk_that_takes_none_is_said_and_changes_nothing(store, monkeypatch, caplog):
    shutil.rmtree(result_cache.derived_folder(store.repository), ignore_errors=True)
    monkeypatch.setattr(result_cache, "_FREE_SHARE", 1.0)
    monkeypatch.setattr(result_cache, "_FREE_BYTES", 2**63)
    call = AlignRequest.parse(["AAA"], "5min", None, None)
    with caplog.at_level(logging.WARNING):
        found = table_of(store, call, rollups=Rollups(store.repository, LIMIT, min_bars=1))
    assert "five-minute bars are not cached" in caplog.text
    assert_equal(found, table_of(store, call))


@pytest.mark.parametrize("spoil", [lambda content: content[: len(content) // 2], lambda _: b"", bytes.swapcase])
def test_damaged_rollup_warns_and_changes_nothing(store, caplog, spoil):
    shutil.rmtree(result_cache.derived_folder(store.repository), ignore_errors=True)
    call = AlignRequest.parse(["AAA"], "5min", None, None)
    rollups = Rollups(store.repository, LIMIT, min_bars=1)
    table_of(store, call, rollups=rollups)
    paths = list(result_cache.derived_folder(store.repository).glob("rollup-*/bars.parquet"))
    assert paths
    for path in paths:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(spoil(content))
    assert_equal(table_of(store, call, rollups=rollups), table_of(store, call))
    assert caplog.text.count("a cached result is damaged and is rebuilt") == len(paths)
    assert_equal(table_of(store, call, rollups=rollups), table_of(store, call))


def test_verify_finds_a_damaged_one(tmp_path):
    times = _times(["2024-01-02"], first="14:30", count=390)
    with make_store(tmp_path / "store", {"AAA": walk(times)}) as store:
        call = AlignRequest.parse(["AAA"], "5min", None, None)
        table_of(store, call, rollups=Rollups(store.repository, LIMIT, min_bars=1))
        assert store.verify().is_sound
        (path,) = result_cache.derived_folder(store.repository).glob("rollup-*/bars.parquet")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.unlink()
        path.write_bytes(content)
        problems = store.verify().problems
    assert [problem.check for problem in problems] == ["derived"]


def test_loaders_make_and_use_them(tmp_path, monkeypatch):
    times = _times([f"2024-01-{day:02}" for day in range(2, 31)], first="14:30", count=390)
    make_store(tmp_path / "store", {"AAA": walk(times)}).close()
    config = {"multi_ticker": {"store": str(tmp_path / "store"), "tickers": {"AAA": {}}}}
    config["multi_ticker"]["alignment"] = {"resampling": "5min"}
    with mtstore.MultiTickerDataLoader(config) as loader:
        made = loader.load_data("2024-01-02", "2024-01-30")
    with mtstore.open(tmp_path / "store") as store:
        (name,) = rolled(store)
        assert name.startswith("rollup-")
        frame = store.align(["AAA"], "5min", "2024-01-02", "2024-01-30").to_pandas()
        pd.testing.assert_frame_equal(frame, made, check_freq=False)
