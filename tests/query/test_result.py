"""One answer in the shapes that people ask for: the same values in Arrow, pandas, polars, numpy and rows."""

from __future__ import annotations

import sys
from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtstore.errors import InputError, QueryError
from mtstore.query.request.durations import with_durations
from tests.kits.bar_stores import make_store, minutes, walk

DAY = "2023-11-22"
SPANS = """
    SELECT *
    FROM (VALUES
        (1, INTERVAL '90 seconds', TIMESTAMPTZ '2023-11-24 15:00Z' - TIMESTAMPTZ '2023-11-22 14:30Z'),
        (2, NULL, -INTERVAL 1 DAY),
        (3, INTERVAL 0 SECOND, INTERVAL '2 days 00:00:00.000001')
    ) AS made(number, short, long)
    WHERE number > $after
    ORDER BY number
"""
SHORT = [timedelta(seconds=90), None, timedelta(0)]
LONG = [timedelta(days=2, minutes=30), timedelta(days=-1), timedelta(days=2, microseconds=1)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    tables = {"AAA": walk(minutes(DAY)), "BBB": walk(minutes(DAY)[::3])}
    with make_store(tmp_path_factory.mktemp("result") / "store", tables) as made:
        yield made


@pytest.mark.parametrize("memory_limit", [None, "1GB"])
def test_spans_of_time_are_durations_in_every_shape(store, memory_limit, tmp_path):
    result = store.sql(SPANS, {"after": 0}, memory_limit=memory_limit)
    table = result.to_arrow()
    assert [table.schema.field(name).type for name in ("short", "long")] == [pa.duration("us")] * 2
    assert result.fetchall() == list(zip([1, 2, 3], SHORT, LONG, strict=True))
    frame = result.to_pandas()
    assert frame["long"].tolist() == [pd.Timedelta(span) for span in LONG]
    assert frame["short"].isna().tolist() == [False, True, False]
    polars = result.to_polars()
    assert polars.schema["short"] == polars.schema["long"] == pl.Duration("us")
    assert (polars["short"].to_list(), polars["long"].to_list()) == (SHORT, LONG)
    assert result.to_numpy()["long"].dtype == np.dtype("timedelta64[us]")
    pq.write_table(table, tmp_path / "spans.parquet")
    assert pq.read_table(tmp_path / "spans.parquet").equals(table)


def test_an_answer_without_rows_has_the_same_types(store):
    assert store.sql(SPANS, {"after": 9}).to_arrow().schema == store.sql(SPANS, {"after": 0}).to_arrow().schema


def test_a_part_of_a_column_is_read_from_where_it_begins():
    spans = pa.array([pa.MonthDayNano([0, days, 5_000]) for days in range(6)])
    table = with_durations(pa.table({"span": spans[2:4]}))
    assert table["span"].to_pylist() == [timedelta(days=days, microseconds=5) for days in (2, 3)]
    halves = pa.table({"span": pa.chunked_array([spans[1:3], spans[5:]])})
    assert [span.days for span in with_durations(halves)["span"].to_pylist()] == [1, 2, 5]


def test_months_stay_intervals_and_polars_has_no_type_for_them(store):
    result = store.sql("SELECT INTERVAL 1 MONTH AS one_month, INTERVAL 1 DAY AS one_day")
    assert pa.types.is_interval(result.to_arrow().schema.field("one_month").type)
    assert result.to_arrow()["one_day"].to_pylist() == [timedelta(days=1)]
    with pytest.raises(QueryError, match="'one_month' counts months"):
        result.to_polars()


def test_without_polars_the_error_names_what_to_install(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError, match="pip install polars"):
        store.sql("SELECT 1 AS one").to_polars()


def test_age_of_a_filled_row_is_the_time_since_the_last_bar(store):
    table = store.align(["AAA", "BBB"], "1min", DAY, DAY, method="forward_fill").to_polars()
    filled = table.filter((pl.col("ticker") == "BBB") & ~pl.col("is_present"))
    assert filled.height == 260
    assert set(filled["age"].unique().to_list()) == {timedelta(minutes=1), timedelta(minutes=2)}


def test_missing_numbers_are_nan_in_numpy(store):
    arrays = store.sql("SELECT * FROM (VALUES (1.5::DOUBLE, 7), (NULL, NULL)) AS made(price, count)").to_numpy()
    assert np.isnan(arrays["price"][1])
    assert np.isnan(arrays["count"][1])
