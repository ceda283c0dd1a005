"""What holds for any bars: volume is conserved, steps compose, alignments nest, nothing later is looked at."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore.bars import arrow_schema
from tests.kits.examples import examples
from tests.sql.statements import walk

FEW = examples(3, 20)
NAMES = ["AAA", "BBB", "CCC"]

starts = st.sampled_from(["2023-06-01T12:50", "2023-06-01T13:30", "2023-11-24T17:00", "2023-03-13T13:00"])
seeds = st.integers(0, 10_000)
gaps = st.sampled_from([0.0, 0.1, 0.6, 0.97])


@pytest.fixture(scope="module")
def maker(new_market: Callable[[], Any]) -> Callable[[], Any]:
    return new_market


def _fill(market: Any, start: str, seed: int, missing: float, **options: Any) -> list[list[tuple[Any, ...]]]:
    bars = [
        walk(start, 150, seed=seed + number, missing=missing) or walk(start, 1, seed=1, missing=0)
        for number in range(3)
    ]
    for name, rows in zip(NAMES, bars, strict=True):
        market.add_bars(name, rows, **options)
    return bars


def _rows(connection: duckdb.DuckDBPyConnection, statement: str) -> list[Any]:
    return connection.execute(statement).fetchall()


@FEW
@given(start=starts, seed=seeds, missing=gaps, width=st.sampled_from(["1min", "17min", "1h", "1d", "1w", "1mo"]))
def test_volume_and_trades_are_conserved(
    maker: Callable[[], Any], start: str, seed: int, missing: float, width: str
) -> None:
    market = maker()
    bars = _fill(market, start, seed, missing)
    totals = "SELECT ticker, sum(volume), sum(transactions), sum(bar_count), max(high), min(low)"
    with market.open() as connection:
        for anchor in ("session", "midnight", "epoch"):
            call = f"resampled(NULL, '{width}', session := 'all', anchor := '{anchor}', tz := 'Asia/Tokyo')"
            found = _rows(connection, f"{totals} FROM {call} GROUP BY ticker ORDER BY ticker")
            for name, rows, (ticker, volume, trades, count, high, low) in zip(NAMES, bars, found, strict=True):
                assert ticker == name
                assert volume == sum(row[5] for row in rows)
                assert (trades, count) == (sum(row[7] for row in rows), len(rows))
                assert (high, low) == (max(row[2] for row in rows), min(row[3] for row in rows))


@FEW
@given(start=starts, seed=seeds, missing=gaps)
def test_resampling_in_two_steps_is_resampling_in_one(
    maker: Callable[[], Any], start: str, seed: int, missing: float
) -> None:
    market, second = maker(), maker()
    _fill(market, start, seed, missing)
    columns = "ticker, ts_event, ts_close, session_date, open, high, low, close, volume, transactions"
    with market.open() as connection:
        at_once = _rows(connection, f"SELECT {columns} FROM resampled(NULL, '15min', session := 'all')")
        names = ", ".join(arrow_schema().names)
        for name in NAMES:
            call = f"resampled(['{name}'], '5min', session := 'all')"
            stored = connection.sql(f"SELECT {names} FROM {call}").to_arrow_table()
            second.add_bars(name, pa.Table.from_batches(stored.cast(arrow_schema()).to_batches()), schema="ohlcv-5m")
    with second.open() as connection:
        in_two_steps = _rows(connection, f"SELECT {columns} FROM resampled(NULL, '15min', session := 'all')")
    assert in_two_steps == at_once


@FEW
@given(start=starts, seed=seeds, missing=gaps)
def test_alignments_nest(maker: Callable[[], Any], start: str, seed: int, missing: float) -> None:
    market = maker()
    _fill(market, start, seed, missing)
    with market.open() as connection:
        resampled = _rows(connection, "SELECT ticker, ts_event, open, close, volume FROM resampled(NULL, '5min')")
        outer = _rows(
            connection, "SELECT ticker, ts_event, open, close, volume, is_present FROM aligned_outer(NULL, '5min')"
        )
        inner = _rows(connection, "SELECT ticker, ts_event, open, close, volume FROM aligned_inner(NULL, '5min')")
        grid = _rows(connection, "SELECT ticker, ts_event FROM aligned_grid(NULL, '5min')")
        filled = _rows(
            connection, "SELECT ticker, ts_event, open, close, volume, is_present FROM aligned_ffill(NULL, '5min')"
        )
    assert set(inner) <= set(resampled)
    assert [row[:5] for row in outer if row[5]] == resampled
    assert [row[:5] for row in filled if row[5]] == resampled
    assert [row[:2] for row in outer] == [row[:2] for row in filled]
    assert {row[:2] for row in outer} <= set(grid)
    assert len(outer) == 3 * len({row[1] for row in outer})
    by_bucket: dict[Any, int] = {}
    for row in resampled:
        by_bucket[row[1]] = by_bucket.get(row[1], 0) + 1
    assert {row[1] for row in inner} == {bucket for bucket, count in by_bucket.items() if count == 3}


@FEW
@given(start=starts, seed=seeds, missing=gaps, cut=st.integers(1, 149))
def test_what_comes_later_changes_nothing_before(
    maker: Callable[[], Any], start: str, seed: int, missing: float, cut: int
) -> None:
    market, perturbed = maker(), maker()
    bars = _fill(market, start, seed, missing)
    moment = walk(start, 150, seed=1, missing=0.0)[cut][0]
    chance = random.Random(seed)
    for name, rows in zip(NAMES, bars, strict=True):
        later = [(row[0], *(chance.uniform(1, 9) for _ in range(6)), 7) if row[0] >= moment else row for row in rows]
        perturbed.add_bars(name, [row for row in later if row[0] < moment or chance.random() < 0.7] or rows[:1])
    statements = [
        "aligned_ffill(NULL, '1min')",
        "aligned_ffill(NULL, '1min', max_age := '5min', fill_prices := 'close', across_sessions := false)",
        "returns(['AAA'], '1min')",
        "rolling_volatility(['AAA'], '1min', window_bars := 5)",
        "outliers(['AAA'], 1, trailing_bars := 10)",
        "correlation(['AAA'], 'BBB', bar_interval := '1min', window_bars := 5)",
    ]
    with market.open() as connection, perturbed.open() as other:
        for statement in statements:
            before = f"FROM {statement} WHERE epoch_us(ts_event) < {round(moment.timestamp() * 1_000_000)}"
            assert _rows(connection, before) == _rows(other, before), statement


@FEW
@given(start=starts, seed=seeds, missing=gaps, pieces=st.integers(2, 5))
def test_file_boundaries_and_order_of_arrival_change_nothing(
    maker: Callable[[], Any], start: str, seed: int, missing: float, pieces: int
) -> None:
    market, other = maker(), maker()
    bars = _fill(market, start, seed, missing)
    for name, rows in reversed(list(zip(NAMES, bars, strict=True))):
        other.add_bars(name, random.Random(seed).sample(rows, len(rows)), files_per_year=pieces)
    statements = ["resampled(NULL, '5min')", "aligned_ffill(NULL, '1min')", "gaps(NULL, 1)", "outliers(NULL, 1)"]
    with market.open() as connection, other.open(threads=1) as connection_to_other:
        for statement in statements:
            left, right = _rows(connection, f"FROM {statement}"), _rows(connection_to_other, f"FROM {statement}")
            assert len(left) == len(right), statement
            assert all(map(_is_close, left, right)), statement


def _is_close(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return all(
        a == pytest.approx(b, rel=1e-12, nan_ok=True) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(left, right, strict=True)
    )
