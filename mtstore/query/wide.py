"""Wide assembly: one array for all tickers and fields, filled while DuckDB streams, handed over without a copy.

DuckDB computes the buckets; their places on the common grid are integer arithmetic, the array is allocated once, and
forward fill is a running maximum over each ticker's row. What this gives equals the aligned macros, cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.errors import InputError
from mtstore.query.calls import AlignCall
from mtstore.query.fill import fill_forward
from mtstore.query.grid import make_grid
from mtstore.sqlfiles import identifier, join
from mtstore.words import did_you_mean

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

FIELDS = ("open", "high", "low", "close", "volume", "vwap", "transactions", "bar_count")
DEFAULT_FIELDS = FIELDS[:5]
_BATCH_ROWS = 500_000


@dataclass(frozen=True, slots=True)
class Wide:
    """An aligned table.

    Attributes
    ----------
    ts_us
        Left edges of the buckets, µs since the epoch, UTC; ascending.
    close_us
        Right edges; None unless asked for.
    values
        float64, shape (tickers × fields, buckets): row `i * len(fields) + j` is field j of ticker i; missing is NaN.
    present
        bool, shape (tickers, buckets): whether the ticker has bars in the bucket.
    """

    tickers: tuple[str, ...]
    stored: tuple[bool, ...]
    fields: tuple[str, ...]
    ts_us: np.ndarray
    close_us: np.ndarray | None
    values: np.ndarray
    present: np.ndarray


def assemble(
    connection: duckdb.DuckDBPyConnection,
    call: AlignCall,
    fields: Sequence[str] = DEFAULT_FIELDS,
    *,
    with_close: bool = False,
) -> Wide:
    """Compute an aligned call as one array; see `Wide`.

    Raises
    ------
    InputError
        A field that bars do not have. DuckDB's errors pass through unmapped.
    """
    for name in fields:
        if name not in FIELDS:
            raise InputError(f"field {name!r} is not one of {', '.join(FIELDS)}{did_you_mean(name, FIELDS)}")
    names, stored = _tickers_of(connection, call)
    if _is_simple(call):
        read = ("ts_close",) * with_close + _read_fields(call, tuple(fields))
        batches = _present_batches(connection, call, names, read)
        wide = _scatter(batches, call, names, stored, read, with_close=with_close)
        wide = _finish(wide, call)
        return _take_fields(wide, tuple(fields))
    read = ("is_present",) + ("ts_close",) * with_close + tuple(fields)
    batches = _aligned_batches(connection, call, names, read)
    return _scatter(batches, call, names, stored, read, with_close=with_close)


def _tickers_of(connection: duckdb.DuckDBPyConnection, call: AlignCall) -> tuple[tuple[str, ...], tuple[bool, ...]]:
    rows = connection.execute(sqlfiles.load("queries/call_tickers"), call.common_parameters()).fetchall()
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows)


def _is_simple(call: AlignCall) -> bool:
    """Whether the call needs nothing but the rows that are there: no ages, no sessions, no grid beyond them."""
    if call.method in {"outer_join", "inner_join"}:
        return True
    return call.method == "forward_fill" and call.max_age is None and call.across_sessions and call.lookback is None


def _read_fields(call: AlignCall, fields: tuple[str, ...]) -> tuple[str, ...]:
    """The fields to read: `close` too, where flat bars are made of it."""
    needs_close = call.method == "forward_fill" and call.fill_prices == "close" and "close" not in fields
    return (*fields, "close") if needs_close else fields


def _columns(fields: Sequence[str]) -> sqlfiles.Sql:
    text = {"ts_close": sqlfiles.load("queries/wide_close_column")}
    return join([text.get(name, identifier(name)) for name in fields] or [sqlfiles.load("queries/no_column")], ", ")


def _present_batches(
    connection: duckdb.DuckDBPyConnection, call: AlignCall, names: Sequence[str], read: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    statement = sqlfiles.load("queries/wide_present", columns=_columns(read))
    parameters = call.common_parameters()
    yield from connection.sql(statement, params=parameters | {"names": list(names)}).to_arrow_reader(_BATCH_ROWS)


def _aligned_batches(
    connection: duckdb.DuckDBPyConnection, call: AlignCall, names: Sequence[str], read: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    statement = sqlfiles.load("queries/wide_aligned", columns=_columns(read), call=sqlfiles.load(call.statement))
    yield from connection.sql(statement, params=call.parameters() | {"names": list(names)}).to_arrow_reader(_BATCH_ROWS)


def _scatter(
    batches: Iterator[pa.RecordBatch],
    call: AlignCall,
    names: tuple[str, ...],
    stored: tuple[bool, ...],
    read: Sequence[str],
    *,
    with_close: bool,
) -> Wide:
    """Put every row into its place; batches are let go of as they are used up."""
    import numpy as np

    fields = tuple(name for name in read if name in FIELDS)
    waiting = [batch for batch in batches if batch.num_rows]
    grid = make_grid([batch.column("ts_us").to_numpy() for batch in waiting], call.interval)
    length = len(grid.ts_us)
    values = np.full((len(names) * len(fields), length), np.nan)
    present = np.zeros((len(names), length), dtype=bool)
    close_us = np.zeros(length, dtype=np.int64) if with_close else None
    flat, flat_present = values.reshape(-1), present.reshape(-1)
    waiting.reverse()
    while waiting:
        batch = waiting.pop()
        place = grid.places(batch.column("ts_us").to_numpy())
        slot = batch.column("slot").to_numpy().astype(np.int64)
        flat_present[slot * length + place] = _flags(batch)
        if close_us is not None:
            np.maximum.at(close_us, place, batch.column("close_us").to_numpy())
        base = slot * (len(fields) * length) + place
        for number, name in enumerate(fields):
            flat[base + number * length] = _floats(batch.column(name))
    return Wide(names, stored, fields, grid.ts_us, close_us, values, present)


def _flags(batch: pa.RecordBatch) -> Any:
    """Which rows have bars: all, unless the call says."""
    return batch.column("is_present").to_numpy(zero_copy_only=False) if "is_present" in batch.schema.names else True


def _floats(column: pa.Array) -> np.ndarray:
    import numpy as np

    if column.null_count and str(column.type) != "double":
        column = column.cast("double")
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values.astype(np.float64, copy=False)


def _finish(wide: Wide, call: AlignCall) -> Wide:
    """What the method does with buckets that some ticker lacks."""
    import numpy as np

    if call.method == "inner_join":
        stored = wide.present[np.array(wide.stored, dtype=bool)]
        keep = stored.all(axis=0) if len(stored) else np.zeros(len(wide.ts_us), dtype=bool)
        close_us = None if wide.close_us is None else wide.close_us[keep]
        return Wide(
            wide.tickers,
            wide.stored,
            wide.fields,
            wide.ts_us[keep],
            close_us,
            wide.values[:, keep],
            wide.present[:, keep],
        )
    if call.method == "forward_fill":
        fill_forward(wide.values, wide.present, wide.fields, fill_volume=call.fill_volume, fill_prices=call.fill_prices)
    return wide


def _take_fields(wide: Wide, fields: tuple[str, ...]) -> Wide:
    """The table without fields that were only read to compute others."""
    if wide.fields == fields:
        return wide
    keep = [
        ticker * len(wide.fields) + wide.fields.index(name) for ticker in range(len(wide.tickers)) for name in fields
    ]
    return Wide(wide.tickers, wide.stored, fields, wide.ts_us, wide.close_us, wide.values[keep], wide.present)
