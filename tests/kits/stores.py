"""Bars and batches made by hand, the content of a store, and child processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mtstore import Store
from mtstore.bars import VALUE_COLUMNS, BarBatch, SourceBinding, arrow_schema
from mtstore.ranges import TimeRange

MINUTE = 60_000_000
START = 1_704_205_800_000_000  # 2024-01-02 14:30 UTC, the open of a session of XNYS
POLYGON = SourceBinding("polygon", "polygon")
DERIVED = ("store_info", "object_digests")


def minute_bars(closes: Mapping[int, float | None], *, start_us: int = START, step_us: int = MINUTE) -> pa.Table:
    """Return bars by minute from `start_us`, all prices equal; None is a bar without vwap and transactions."""
    numbers = sorted(closes)
    price = [closes[number] if closes[number] is not None else 1.0 for number in numbers]
    optional = [closes[number] for number in numbers]
    columns = {
        "ts_event": pa.array([start_us + number * step_us for number in numbers], pa.int64()),
        "open": price,
        "high": price,
        "low": price,
        "close": price,
        "volume": price,
        "vwap": optional,
        "transactions": [None if value is None else int(value) for value in optional],
    }
    schema = arrow_schema()
    return pa.table({name: pa.array(columns[name]).cast(schema.field(name).type) for name in schema.names}, schema)


def minutes(first: int, end: int, *, start_us: int = START) -> TimeRange:
    """Return the half-open range of some minutes."""
    return TimeRange(start_us + first * MINUTE, start_us + end * MINUTE)


def answer(
    ticker: str, closes: Mapping[int, float | None], *ranges: TimeRange, start_us: int = START, **options: Any
) -> BarBatch:
    """Return a batch of minute bars; complete if it has ranges, else partial."""
    bars = minute_bars(closes, start_us=start_us)
    result = options.pop("result", ("complete" if bars.num_rows else "empty") if ranges else "partial")
    binding = options.pop("binding", POLYGON)
    return BarBatch(binding, options.pop("schema", "ohlcv-1m"), ticker, ranges, bars, result=result, **options)


def write(store: Store, *answers: BarBatch) -> None:
    """Write batches into a store with one writer."""
    with store.repository.writer("test") as writer:
        for one in answers:
            writer.add(one)


def bars_of(store: Store) -> list[tuple[Any, ...]]:
    """Return every stored bar, in a fixed order."""
    columns = ", ".join(VALUE_COLUMNS)
    return store.sql(f"SELECT ticker, source, schema, epoch_us(ts_event), {columns} FROM bars ORDER BY ALL").fetchall()


def closes_of(store: Store, ticker: str) -> dict[int, float]:
    """Return a ticker's closes by minute from START."""
    rows = store.sql("SELECT epoch_us(ts_event), close FROM bars WHERE ticker = ?", [ticker]).fetchall()
    return {(ts_us - START) // MINUTE: close for ts_us, close in rows}


def core_tables(store: Store) -> dict[str, list[str]]:
    """Return the rows of every table of `core` and of the views of parquet, without the snapshot's number.

    Long ones, such as sessions, are a digest of all their rows.
    """
    with store.repository.connection() as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() "
            "WHERE schema_name = 'core' AND database_name = current_database() ORDER BY ALL"
        ).fetchall()
        tables = [f"core.{name}" for (name,) in names if name not in DERIVED]
        assert len(tables) > 10
        content = {}
        for name in [*tables, "core.quarantine", "core.revisions", "bars"]:
            digest = connection.execute(f"SELECT count(*), bit_xor(hash(t)) FROM {name} AS t").fetchall()
            rows = connection.execute(f"FROM {name} LIMIT 1000").fetchall()
            content[name] = sorted(map(repr, rows)) if digest[0][0] <= 1_000 else [repr(digest)]
        return content


def data_files(root: Path) -> set[str]:
    """Return the files under `data/` and `meta/` without the log, relative to the store."""
    return {
        str(path.relative_to(root))
        for folder in ("data", "meta")
        for path in (root / folder).rglob("*")
        if path.is_file() and path.parent.name != "log"
    }


def known_files(store: Store) -> set[str]:
    """Return the files that the store's tables list."""
    tables = ("core.files", "core.retired_files", "core.meta_files")
    return {path for table in tables for (path,) in store.sql(f"SELECT path FROM {table}").fetchall()}


def process(
    code: str, *arguments: object, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start a Python process that runs `code` with `arguments` (JSON in `args`); stdin and stdout are pipes.

    `prefix` is a command that runs another one.
    """
    source = (
        f"import json, sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); args = json.loads(sys.argv[1])\n"
    )
    command = [*prefix, sys.executable, "-c", source + code, json.dumps([str(one) for one in arguments])]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def run(code: str, *arguments: object, env: Mapping[str, str] | None = None) -> str:
    """Run a process that must succeed; return its output."""
    child = process(code, *arguments, env=env)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    return out


def lines_of(child: subprocess.Popen[str]) -> Iterable[str]:
    """Yield the lines that a child prints."""
    assert child.stdout is not None
    return (line.rstrip("\n") for line in child.stdout)


def tell(child: subprocess.Popen[str], text: str) -> None:
    """Write a line to a child's stdin."""
    assert child.stdin is not None
    child.stdin.write(f"{text}\n")
    child.stdin.flush()


def end(*children: subprocess.Popen[str]) -> Sequence[str]:
    """Wait for children that must succeed; return the rest of their output."""
    outputs = []
    for child in children:
        out, err = child.communicate(timeout=300)
        assert child.returncode == 0, err
        outputs.append(out)
    return outputs
