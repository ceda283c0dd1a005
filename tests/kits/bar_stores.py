"""Small stores made of a few bars, for tests of reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

import mtstore
from mtstore.bars import BarBatch, SourceBinding, arrow_schema, step_us
from mtstore.ranges import TimeRange

POLYGON = SourceBinding("polygon", "polygon")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(text: str) -> int:
    """Convert text to µs since the epoch; text without an offset is UTC."""
    moment = datetime.fromisoformat(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def bars(rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Convert rows of (instant as text or µs, open … transactions) to sorted bars; short rows end in NULL."""
    ordered = sorted((us(row[0]) if isinstance(row[0], str) else row[0], *row[1:]) for row in rows)
    padded = [(*row, *(None,) * (8 - len(row))) for row in ordered]
    columns = [list(column) for column in zip(*padded, strict=True)] or [[] for _ in range(8)]
    return pa.table([pa.array(columns[0], pa.timestamp("us", tz="UTC")), *columns[1:]], schema=arrow_schema())


def walk(times_us: Iterable[int], *, base: float = 100.0, seed: int = 0) -> pa.Table:
    """Return bars at some times, with a different price at each."""
    rows = []
    for number, at in enumerate(sorted(times_us)):
        price = base + ((number * 37 + seed * 11) % 101) / 8
        rows.append(
            (at, price, price + 1.5, price - 2.25, price + 0.5, float(10 + number % 7), price + 0.25, number % 5)
        )
    return bars(rows)


def minutes(day: str, first: str = "14:30", count: int = 390, step: int = 1) -> list[int]:
    """Return minutes of a day, UTC (a winter session of New York by default), in µs since the epoch."""
    begin = us(f"{day}T{first}:00")
    return [begin + number * step * 60_000_000 for number in range(count)]


def add_bars(
    store: mtstore.Store,
    tables: Mapping[str, pa.Table],
    *,
    schema: str = "ohlcv-1m",
    covers: tuple[str, str] | None = None,
    binding: SourceBinding = POLYGON,
) -> None:
    """Store bars by ticker; `covers` is the covered range, [start, end) in UTC, else the hull of the bars."""
    with store.repository.writer("test") as writer:
        for ticker, table in tables.items():
            if covers is not None:
                span = TimeRange(us(covers[0]), us(covers[1]))
            else:
                stamps = table["ts_event"].cast("int64").to_pylist()
                span = TimeRange(stamps[0], stamps[-1] + step_us(schema))
            batch = BarBatch(
                binding, schema, ticker, (span,), table, result="complete" if table.num_rows else "empty", final=True
            )
            writer.add(batch)


def make_store(path: Path, tables: Mapping[str, pa.Table] | None = None, **options: Any) -> mtstore.Store:
    """Create a store of some bars; see `add_bars`."""
    store = mtstore.open(path, create=True)
    if tables:
        add_bars(store, tables, **options)
    return store
