"""Raw rows of one ticker: aggregated, sorted, unique and valid, or quarantined; never lost."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtstore.ranges import TimeRange
from mtstore.sources.clean import Cleaned, clean

STEP = 60_000_000
Row = tuple[int, float | None, float | None, float | None, float | None, float | None]


def rows_table(rows: list[Row], publishers: list[int] | None = None) -> pa.Table:
    columns: dict[str, Any] = {"ts_us": pa.array([row[0] for row in rows], pa.int64())}
    for place, name in enumerate(("open", "high", "low", "close", "volume"), start=1):
        columns[name] = pa.array([row[place] for row in rows], pa.float64())
    columns["transactions"] = pa.nulls(len(rows), pa.int64())
    columns["file_index"] = pa.array([0] * len(rows), pa.int32())
    if publishers is not None:
        columns["publisher_id"] = pa.array(publishers, pa.uint16())
    return pa.table(columns)


def cleaned(table: pa.Table, **options: Any) -> Cleaned:
    plain: dict[str, Any] = {
        "step_us": STEP,
        "is_daily": False,
        "may_be_negative": False,
        "may_be_undefined": False,
        "ranges": None,
    }
    return clean(table, **(plain | options))


PRICES = st.sampled_from([None, -1.0, 0.0, 1.0, 2.0, 3.0, float("inf"), float("nan")])
ROWS = st.lists(
    st.tuples(st.sampled_from([0, STEP, 2 * STEP, STEP + 1]), PRICES, PRICES, PRICES, PRICES, PRICES), max_size=12
)


def is_valid(row: Row, *, futures: bool) -> bool:
    stamp, *values = row
    if stamp % STEP or any(value is None or not math.isfinite(value) for value in values):
        return False
    opened, high, low, close, volume = (value or 0.0 for value in values)
    ordered = high >= max(opened, close) and low <= min(opened, close)
    return ordered and volume >= 0 and (futures or min(opened, high, low, close) > 0)


@given(ROWS, st.booleans())
@settings(deadline=None)
def test_every_row_is_stored_quarantined_or_a_repetition(rows: list[Row], futures: bool) -> None:
    result = cleaned(rows_table(rows), may_be_negative=futures)
    assert result.bars.num_rows + result.bad.num_rows + result.collapsed == len(rows)
    stamps = result.bars["ts_event"].cast("int64").to_pylist()
    assert stamps == sorted(set(stamps))
    last_valid = {row[0]: row for row in rows if is_valid(row, futures=futures)}
    assert stamps == sorted(last_valid)
    for bar in result.bars.to_pylist():
        stamp = round(bar["ts_event"].timestamp() * 1e6)
        assert (bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"]) == last_valid[stamp][1:]
    assert all(result.bad["reason"].to_pylist())


def test_undefined_prices_are_stored_where_they_are_legal() -> None:
    rows: list[Row] = [(0, None, None, None, None, 0.0), (STEP, 1.0, 1.0, 1.0, 1.0, 1.0)]
    assert cleaned(rows_table(rows)).bad["reason"].to_pylist() == ["a price is missing"]
    legal = cleaned(rows_table(rows), may_be_undefined=True)
    assert legal.bars["close"].to_pylist() == [None, 1.0]


def test_rows_outside_of_what_is_covered_are_quarantined() -> None:
    rows: list[Row] = [(number * STEP, 1.0, 1.0, 1.0, 1.0, 1.0) for number in range(6)]
    ranges = (TimeRange(STEP, 2 * STEP), TimeRange(4 * STEP, 5 * STEP))
    result = cleaned(rows_table(rows), ranges=ranges)
    assert [stamp // STEP for stamp in result.bars["ts_event"].cast("int64").to_pylist()] == [1, 4]
    assert set(result.bad["reason"].to_pylist()) == {"ts_event lies outside the range that the input covers"}


def test_daily_bars_need_no_whole_multiple() -> None:
    rows: list[Row] = [(5 * 3_600_000_000, 1.0, 1.0, 1.0, 1.0, 1.0)]
    assert cleaned(rows_table(rows), is_daily=True, step_us=86_400_000_000).bars.num_rows == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_publishers_are_aggregated_by_the_rules(order: tuple[int, ...]) -> None:
    rows: list[Row] = [
        (0, 10.0, 11.0, 9.0, 10.5, 50.0),
        (0, 10.1, 12.0, 9.5, 10.4, 20.0),
        (0, 10.2, 10.9, 8.0, 10.3, 30.0),
    ]
    table = rows_table([rows[place] for place in order], [order[0] + 1, order[1] + 1, order[2] + 1])
    (bar,) = cleaned(table).bars.to_pylist()
    assert (bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"]) == (10.0, 12.0, 8.0, 10.5, 100.0)


def test_a_record_that_is_there_twice_counts_once_beside_other_publishers() -> None:
    rows: list[Row] = [(0, 1.0, 1.0, 1.0, 1.0, 5.0), (0, 1.0, 1.0, 1.0, 1.0, 5.0), (0, 1.0, 2.0, 1.0, 1.0, 3.0)]
    result = cleaned(rows_table(rows, [1, 1, 2]))
    assert result.bars["volume"].to_pylist() == [8.0]
    assert result.collapsed == 1
