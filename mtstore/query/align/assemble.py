"""Wide assembly: one array for all tickers and fields, filled while DuckDB streams, handed over without a copy.

DuckDB computes the buckets; their places on the common grid are integer arithmetic, the array is allocated once, and
forward fill is a running maximum over each ticker's row. What this gives equals the aligned macros, cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from mtstore.query.align.active import mask_inactive
from mtstore.query.align.common_grid import make_grid
from mtstore.query.align.forward_fill import FillLimits, FillState, fill_forward
from mtstore.query.align.labels import Labels, local_days
from mtstore.query.align.sql_rows import (
    CLOSE,
    IN_RANGE,
    SESSION,
    CallTickers,
    call_tickers,
    grid_batches,
    present_batches,
)
from mtstore.query.fast import read_parquet
from mtstore.query.request.request import GRID, JOINS, AlignRequest
from mtstore.query.snapshot.store_facts import StoreFacts, find_store_facts
from mtstore.query.table.memory_budget import check_fits
from mtstore.query.table.output_buffers import allocate
from mtstore.query.table.wide_table import (
    DEFAULT_FIELDS,
    AssemblyOptions,
    MaskedBars,
    WideTable,
    check_fields,
    put_fill_value,
)

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa


def assemble(
    connection: duckdb.DuckDBPyConnection,
    call: AlignRequest,
    fields: Sequence[str] = DEFAULT_FIELDS,
    making: AssemblyOptions | None = None,
    *,
    facts: StoreFacts | None = None,
    carry: FillState | None = None,
) -> WideTable:
    """Compute an aligned call as one array; see `WideTable`.

    `carry` is what came before the range (from `fill_state_for`), for a table that is made in pieces.

    Raises
    ------
    InputError
        A field that bars do not have, a dtype that is no float.
    MemoryLimitError
        Rows and result would take more than `making.max_bytes`. DuckDB's errors pass through unmapped.
    """
    import numpy as np

    making = making or AssemblyOptions()
    check_fields(fields)
    if call.method in JOINS:
        call = replace(call, lookback=None)  # nothing is carried
    read = fields_to_read(call, fields)
    if making.observer is not None and "close" not in read:
        read = (*read, "close")
    chosen = None
    if making.masked is None and _is_plain(call):
        facts = facts or find_store_facts(connection)
        chosen = None if facts is None else plan_fast_path(facts, call)
    if chosen is not None:
        wide = _read_parquet(chosen, call, read, making, carry)
        labels = None
    else:
        tickers = call_tickers(connection, call)
        wide, labels = _scatter(connection, call, tickers, read, making)
    days = None if labels is None else labels.days
    if fills(call) and (chosen is None or carry is not None):
        limits = FillLimits(wide.ts_us, _microseconds(call.max_age), None if call.across_sessions else days)
        fill_forward(
            wide.values,
            wide.present,
            read,
            fill_volume=call.fill_volume,
            fill_prices=call.fill_prices,
            limits=limits,
            carry=carry,
        )
        if chosen is None and days is not None:
            mask_inactive(wide.values, wide.present, days, tickers.active, read)
    if labels is not None and labels.in_range is not None:
        wide = wide.only(labels.in_range)
    if call.method == "inner_join":
        stored = wide.present[[number for number, is_stored in enumerate(wide.stored) if is_stored]]
        wide = wide.only(np.all(stored, axis=0))
    if chosen is None or carry is not None:
        put_fill_value(wide.values, making.fill_value)
    return _take_fields(wide, tuple(fields))


def plan_fast_path(facts: StoreFacts, call: AlignRequest) -> read_parquet.ReadPlan | None:
    """How to answer a call from the files themselves, where the rows that are there are all that it needs to know."""
    return read_parquet.plan_read(facts, call) if _is_plain(call) else None


def _is_plain(call: AlignRequest) -> bool:
    return call.method != GRID and call.lookback is None and not _needs_sessions(call)


def _read_parquet(
    chosen: read_parquet.ReadPlan,
    call: AlignRequest,
    fields: tuple[str, ...],
    making: AssemblyOptions,
    carry: FillState | None,
) -> WideTable:
    """The table of a plain call from the files themselves, filled forward unless something is carried in."""
    import numpy as np

    reading = read_parquet.ParquetRead(chosen, fields, making.rollups)
    length, tickers = len(reading.ts_us), len(chosen.names)
    _check_size(call, (length, tickers * len(fields), tickers), 0, making)
    order: Literal["C", "F"] = "F" if making.by_time else "C"
    # Values that something is carried into are not finished ticker by ticker.
    path = making.values_path if carry is None else None
    sheet = allocate(path, tickers, len(fields), length, making.dtype, by_time=making.by_time)
    present = np.zeros((tickers, length), dtype=bool, order=order)
    limits = FillLimits(reading.ts_us, _microseconds(call.max_age))
    if making.observer is not None:
        making.observer.begin(reading.ts_us)

    def finish(number: int, rows: np.ndarray) -> None:
        here = present[number : number + 1]
        if "bar_count" in fields:
            rows[fields.index("bar_count"), ~here[0]] = 0
        if making.observer is not None and reading.stored[number]:
            making.observer.observe(chosen.names[number], here[0], rows[fields.index("close")])
        if fills(call) and carry is None:
            fill_forward(rows, here, fields, fill_volume=call.fill_volume, fill_prices=call.fill_prices, limits=limits)
        if carry is None:
            put_fill_value(rows, making.fill_value)

    with closing(sheet):
        reading.fill(sheet, present, finish)
        values = sheet.finish()
    close_us = reading.close_us if making.with_close else None
    return WideTable(chosen.names, reading.stored, fields, reading.ts_us, close_us, values, present)


def is_grid(call: AlignRequest) -> bool:
    """Whether the call wants every bucket that its calendar has."""
    return call.method == GRID


def fills(call: AlignRequest) -> bool:
    """Whether the call carries values forward."""
    return call.method == "forward_fill" or (call.method == GRID and call.fill == "forward")


def fields_to_read(call: AlignRequest, fields: Sequence[str]) -> tuple[str, ...]:
    """The fields to read: `close` too, where flat bars are made of it."""
    needs_close = fills(call) and call.fill_prices == "close" and "close" not in fields
    return (*fields, "close") if needs_close else tuple(fields)


def fill_state_for(call: AlignRequest, tickers: int, fields: Sequence[str]) -> FillState | None:
    """Room for what one piece of a table leaves to the next; None where nothing is carried."""
    if not fills(call) or not call.across_sessions:
        return None
    return FillState.nothing(tickers, len(fields_to_read(call, fields)))


def _scatter(
    connection: duckdb.DuckDBPyConnection,
    call: AlignRequest,
    tickers: CallTickers,
    fields: tuple[str, ...],
    making: AssemblyOptions,
) -> tuple[WideTable, Labels]:
    """Put every row into its place; batches are let go of as they are used up."""
    import numpy as np

    needs_days = _needs_sessions(call) or (fills(call) and any(one.is_limited for one in tickers.active))
    with_days = needs_days and not tickers.is_mixed
    special = (CLOSE,) * making.with_close + (SESSION,) * with_days + (IN_RANGE,) * (call.lookback is not None)
    waiting = _collect(present_batches(connection, call, tickers.names, (*special, *fields)), call, making)
    edges = [batch for batch in grid_batches(connection, call, special) if batch.num_rows] if is_grid(call) else []
    grid = make_grid([batch.column("ts_us").to_numpy() for batch in (*waiting, *edges)], call.interval)
    length, width = len(grid.ts_us), len(tickers.names) * len(fields)
    _check_size(call, (length, width, len(tickers.names)), sum(batch.nbytes for batch in waiting), making)
    shape = (length, width) if making.by_time else (width, length)
    values = np.full(shape, np.nan, dtype=making.dtype)
    present = np.zeros((length, len(tickers.names)) if making.by_time else (len(tickers.names), length), dtype=bool)
    labels = Labels(length, special)
    for batch in edges:
        labels.take(batch, grid.places(batch.column("ts_us").to_numpy()))
    flat, flat_present = values.reshape(-1), present.reshape(-1)
    step, row = (width, 1) if making.by_time else (1, length)
    waiting.reverse()
    while waiting:
        batch = waiting.pop()
        place = grid.places(batch.column("ts_us").to_numpy())
        slot = batch.column("slot").to_numpy().astype(np.int64)
        flat_present[slot + place * len(tickers.names) if making.by_time else slot * length + place] = True
        labels.take(batch, place)
        base = slot * (len(fields) * row) + place * step
        for number, name in enumerate(fields):
            flat[base + number * row] = _floats(batch.column(name))
    if making.by_time:
        values, present = values.T, present.T
    wide = WideTable(tickers.names, tickers.stored, fields, grid.ts_us, labels.close_us, values, present)
    _blank(wide, making.masked)
    if "bar_count" in fields:
        values[fields.index("bar_count") :: len(fields)][~present] = 0
    if tickers.is_mixed and needs_days:
        labels.days = local_days(grid.ts_us, call.tz)
    return wide, labels


def _collect(batches: Iterator[pa.RecordBatch], call: AlignRequest, making: AssemblyOptions) -> list[pa.RecordBatch]:
    """The batches that have rows; refused as soon as they alone take more than the result may."""
    waiting, size = [], 0
    for batch in batches:
        if batch.num_rows:
            waiting.append(batch)
            size += batch.nbytes
            check_fits(size, making.max_bytes, f"the rows of {call.bounds}")
    return waiting


def _check_size(call: AlignRequest, shape: tuple[int, int, int], waiting: int, making: AssemblyOptions) -> None:
    """Refuse a table of (buckets, columns, tickers), beside rows of `waiting` bytes, that takes too much memory."""
    length, width, tickers = shape
    size = length * (width * (8 if making.dtype == "float64" else 4) + tickers)
    what = f"{length:,} rows × {width:,} columns of {making.dtype} for {call.bounds}"
    check_fits(size + waiting, making.max_bytes, what)


def _blank(wide: WideTable, masked: MaskedBars | None) -> None:
    """Take bars away from buckets that count as missing; the buckets stay on the grid."""
    import numpy as np

    for number, name in enumerate(wide.tickers if masked else ()):
        labels = masked.ts_us.get(name) if masked else None
        if labels is None or not len(wide.ts_us):
            continue
        places = np.minimum(np.searchsorted(wide.ts_us, labels), len(wide.ts_us) - 1)
        places = places[wide.ts_us[places] == labels]
        wide.values[number * len(wide.fields) : (number + 1) * len(wide.fields), places] = np.nan
        wide.present[number, places] = False


def _floats(column: pa.Array) -> np.ndarray:
    if column.null_count and str(column.type) != "double":
        column = column.cast("double")
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values


def _needs_sessions(call: AlignRequest) -> bool:
    return fills(call) and not call.across_sessions


def _microseconds(span: timedelta | None) -> int | None:
    return None if span is None else span // timedelta(microseconds=1)


def _take_fields(wide: WideTable, fields: tuple[str, ...]) -> WideTable:
    """The table without fields that were only read to compute others."""
    if wide.fields == fields:
        return wide
    keep = [
        ticker * len(wide.fields) + wide.fields.index(name) for ticker in range(len(wide.tickers)) for name in fields
    ]
    values = wide.values[keep] if wide.values.flags.c_contiguous else wide.values.T[:, keep].T
    return replace(wide, fields=fields, values=values)
