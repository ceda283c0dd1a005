from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore.config import load_config
from mtstore.errors import InputError, MemoryLimitError, QueryError, RangeError, SnapshotExpiredError, TickerError
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.bar_stores import add_bars, make_store, minutes, us, walk

DAY = "2023-11-22"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    early = [us(f"{DAY}T13:00:00") + number * 60_000_000 for number in range(30)]
    tables = {
        "AAA": walk([*early, *minutes(DAY), *minutes("2023-11-24", count=210)]),
        "BBB": walk(minutes(DAY)[::3], base=20.0, seed=1),
    }
    with make_store(tmp_path_factory.mktemp("align") / "store", tables, covers=(DAY, "2023-11-25")) as made:
        yield made


def test_bars_are_the_rows_of_the_view(store):
    table = store.bars().to_arrow()
    assert table.equals(store.sql("FROM bars ORDER BY ticker, source, schema, ts_event").to_arrow())


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, 30 + 390 + 210),
        ({"start": DAY, "end": DAY}, 30 + 390),
        ({"start": DAY, "end": DAY, "session": "regular"}, 390),
        ({"start": "2023-11-22 09:30", "end": "2023-11-22 09:45"}, 15),
        ({"start": "2023-11-22T14:30:00Z", "end": DAY}, 390),
        ({"start": "2023-11-22 14:30", "end": "2023-11-22 14:40", "tz": "UTC"}, 10),
        ({"start": "2023-11-23"}, 210),
        ({"end": "2023-11-21"}, 0),
        ({"schema": "ohlcv-1d"}, 0),
        ({"source": "polygon", "schema": "ohlcv-1m"}, 30 + 390 + 210),
    ],
)
def test_bars_keep_to_range_session_and_series(store, options, rows):
    assert store.bars("AAA", **options).to_arrow().num_rows == rows


def test_bars_of_unknown_ticker_raise_with_nearest_name(store):
    with pytest.raises(TickerError, match=r"'AAB'.*AAA"):
        store.bars(["BBB", "AAB"])


def test_resampled_bars_are_the_rows_of_the_macro(store):
    table = store.resample(["BBB", "AAA"], "1h", DAY, DAY, session="all").to_arrow()
    sql = "FROM resampled(['BBB', 'AAA'], '1h', start_ts := $day, end_ts := $day, session := 'all')"
    assert table.equals(store.sql(sql, {"day": DAY}).to_arrow())
    assert store.resample("AAA", timedelta(hours=1), DAY, DAY).to_arrow().num_rows == 7


def test_pandas_shows_instants_in_the_zone_of_the_call(store):
    frame = store.resample("AAA", "1d", tz="Asia/Tokyo", session="all").to_pandas()
    assert str(frame["ts_event"].dt.tz) == "Asia/Tokyo"
    assert str(store.bars("AAA").to_pandas()["ts_event"].dt.tz) == "America/New_York"
    assert {name for name, kind in frame.dtypes.items() if kind == "category"} == {"ticker", "source", "schema"}
    assert frame["ticker"].tolist() == store.resample("AAA", "1d", session="all").to_arrow()["ticker"].to_pylist()
    assert str(store.bars("AAA").to_arrow().schema.field("ts_event").type) == "timestamp[us, tz=UTC]"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("method", ["outer_join", "inner_join", "forward_fill", "grid"])
def test_an_aligned_frame_is_the_macro_s_answer_pivoted(store, method):
    aligned = store.align(["BBB", "AAA"], "5min", DAY, "2023-11-24", method=method)
    long = aligned.to_arrow().to_pandas().pivot(index="ts_event", columns="ticker", values=["close", "volume"])
    frame = aligned.to_pandas(fields=["close", "volume"], columns="multi")
    expected = long.swaplevel(axis=1).reindex(columns=frame.columns)
    np.testing.assert_allclose(frame.to_numpy(), expected.to_numpy(dtype=float), rtol=1e-12)
    assert (frame.index.tz_convert("UTC") == long.index).all()
    assert list(aligned.to_pandas().columns[:2]) == ["BBB_open", "BBB_high"]
    assert aligned.to_polars().height == aligned.to_arrow().num_rows == len(aligned.to_numpy()["ticker"])


def test_labels_columns_and_types_are_chosen_when_the_frame_is_made(store):
    aligned = store.align(["AAA"], "1h", DAY, DAY)
    left, right = aligned.to_pandas(), aligned.to_pandas(label="right", dtype="float32")
    assert (str(left.index[-1].time()), str(right.index[-1].time())) == ("15:30:00", "16:00:00")
    assert set(right.dtypes) == {np.dtype("float32")}
    for wrong in ({"label": "middle"}, {"columns": "wide"}, {"fields": ["clsoe"]}, {"dtype": "float16"}):
        with pytest.raises(InputError, match="is not one of"):
            aligned.to_pandas(**wrong)
    with pytest.raises(MemoryLimitError, match="float32"):
        aligned.to_pandas(memory_limit=100)


def test_nothing_is_asked_before_it_is_read_and_words_are_checked_at_once(store):
    lazy = store.align(["NOBODY"], "5min", DAY, DAY)
    with pytest.raises(QueryError, match="unknown ticker 'NOBODY'"):
        lazy.to_arrow()
    with pytest.raises(QueryError, match="unknown ticker 'NOBODY'"):
        lazy.to_pandas()
    with pytest.raises(InputError, match="forward_fill"):
        store.align(["AAA"], "5min", method="forwards")
    with pytest.raises(InputError, match="regular, all"):
        store.resample("AAA", "5min", session="night")
    with pytest.raises(RangeError):
        store.bars("AAA", DAY, "2023-11-01")
    assert "forward_fill" not in repr(lazy)
    assert "NOBODY" in repr(lazy)


def test_what_a_call_leaves_open_is_as_the_applied_configuration_has_it(tmp_path):
    with make_store(tmp_path / "store", {"AAA": walk(minutes(DAY)), "BBB": walk(minutes(DAY)[::3])}) as store:
        alignment = {"method": "forward_fill", "timezone": "UTC", "fill_volume": "null", "max_age": "2min"}
        apply_config(store.repository, load_config({"tickers": ["BBB", "AAA"], "alignment": alignment}))
        frame = store.align(None, "1min").to_pandas()
        assert [str(pd.DatetimeIndex(frame.index).tz), *frame.columns[::5]] == ["UTC", "BBB_open", "AAA_open"]
        assert frame["BBB_volume"].isna().sum() == 260
        rows = store.sql("SELECT count(volume) FROM aligned_ffill(NULL, '1min') WHERE ticker = 'BBB'").fetchall()
        assert rows == [(130,)]
        assert store.align(None, "1min", method="inner_join", tz="Asia/Tokyo").to_pandas().shape == (130, 10)


def test_reader_beyond_grace_period_raises_snapshot_expired(tmp_path):
    path = tmp_path / "store"
    with (
        make_store(path, {"AAA": walk(minutes(DAY))}) as reader,
        mtstore.open(path, grace=timedelta(0)) as writer,
        reader.snapshot(),
    ):
        before = reader.align("AAA", "5min").to_pandas()
        add_bars(writer, {"AAA": walk(minutes(DAY), base=500.0)})
        add_bars(writer, {"BBB": walk(minutes(DAY))})
        for read in (
            reader.bars("AAA").to_arrow,
            reader.resample("AAA", "5min").to_pandas,
            reader.align("AAA", "5min").to_pandas,
            reader.align("AAA", "5min", method="grid").to_pandas,
            lambda: reader.tensor("AAA"),
            lambda: reader.tensor("AAA", mmap=True),
        ):
            with pytest.raises(SnapshotExpiredError, match="grace period"):
                read()
    assert len(before) == 78


def test_a_snapshot_ends_with_its_block(tmp_path):
    with make_store(tmp_path / "store", {"AAA": walk(minutes(DAY))}) as store:
        with store.snapshot() as outer, store.snapshot() as inner:
            assert outer == inner
            add_bars(store, {"BBB": walk(minutes(DAY))})
            assert store.tickers() == ["AAA"]
        assert store.tickers() == ["AAA", "BBB"]
        with store.snapshot() as later:
            assert later > outer


def test_frames_of_a_range_without_bars_are_empty_and_typed(store):
    for method in ("outer_join", "inner_join", "forward_fill", "grid"):
        frame = store.align(["AAA", "BBB"], "5min", "2023-11-25", "2023-11-26", method=method).to_pandas()
        assert frame.shape == (0, 10)
        assert isinstance(frame.index, pd.DatetimeIndex)
