"""Wide assembly: one array for all tickers and fields, allocated once and returned without a copy.

Plain requests are read from the parquet files (`mtstore.query.fast`); for others DuckDB streams the buckets, whose
places on the common grid are integer arithmetic. Either result equals the aligned macros' cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtstore.query.align.common_grid import make_grid
from mtstore.query.align.forward_fill import ActiveRange, FillLimits, FillState, fill_forward, mask_inactive
from mtstore.query.align.sql_rows import (
    CLOSE,
    IN_RANGE,
    SESSION,
    BucketLabels,
    RequestTickers,
    grid_batches,
    present_batches,
    request_tickers,
    session_days,
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
from mtstore.ranges import to_us

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def assemble(
    connection: duckdb.DuckDBPyConnection,
    request: AlignRequest,
    fields: Sequence[str] = DEFAULT_FIELDS,
    options: AssemblyOptions | None = None,
    *,
    facts: StoreFacts | None = None,
    state: FillState | None = None,
) -> WideTable:
    """Compute an aligned request as one array.

    `facts` are those of the connection; None reads them where they help. `state` carries values over from the chunk
    before (see `fill_state_for`).

    Raises
    ------
    InputError
        A field that bars do not have.
    MemoryLimitError
        Rows and result would take more than `options.max_bytes`. DuckDB's errors pass through unmapped.
    """
    options = options or AssemblyOptions()
    check_fields(fields)
    if request.method in JOINS:
        request = replace(request, lookback=None)  # nothing is carried
    read = _fields_to_read(request, fields)
    if options.observer is not None and "close" not in read:
        read = (*read, "close")
    plan = None
    if options.masked is None and _is_plain(request):
        facts = facts or find_store_facts(connection)
        plan = None if facts is None else plan_fast_path(facts, request)
    if plan is not None:
        wide = _from_files(plan, request, read, options, state)
        if state is not None:
            if fills_forward(request):
                fill_forward(wide.values, wide.present, read, FillLimits.of(request, wide.ts_us), state)
            put_fill_value(wide.values, options.fill_value)
        in_range = None
    else:
        wide, in_range = _from_sql(connection, request, read, options, state)
    if in_range is not None:
        wide = wide.only(in_range)
    if request.chunk is not None and request.chunk.shown_from is not None:
        wide = wide.only(wide.ts_us >= to_us(request.chunk.shown_from))
    if request.method == "inner_join":
        wide = wide.only(np.all(wide.present[np.flatnonzero(wide.stored)], axis=0))
    return _take_fields(wide, tuple(fields))


def plan_fast_path(facts: StoreFacts, request: AlignRequest) -> read_parquet.ReadPlan | None:
    """Return how to read a request from the files; None where more than the stored rows has to be known."""
    return read_parquet.plan_read(facts, request) if _is_plain(request) else None


def fills_forward(request: AlignRequest) -> bool:
    """Tell whether the request carries values forward."""
    return request.method == "forward_fill" or (request.method == GRID and request.fill == "forward")


def fill_state_for(request: AlignRequest, tickers: int, fields: Sequence[str]) -> FillState | None:
    """Return an empty state for a table that is assembled in chunks; None where nothing is carried between them."""
    if not fills_forward(request) or not request.across_sessions:
        return None
    return FillState.empty(tickers, len(_fields_to_read(request, fields)))


def _is_plain(request: AlignRequest) -> bool:
    return request.method != GRID and request.lookback is None and not _stays_in_session(request)


def _stays_in_session(request: AlignRequest) -> bool:
    return fills_forward(request) and not request.across_sessions


def _fields_to_read(request: AlignRequest, fields: Sequence[str]) -> tuple[str, ...]:
    """Add `close` where flat bars are made of it."""
    needs_close = fills_forward(request) and request.fill_prices == "close" and "close" not in fields
    return (*fields, "close") if needs_close else tuple(fields)


def _from_files(
    plan: read_parquet.ReadPlan,
    request: AlignRequest,
    fields: tuple[str, ...],
    options: AssemblyOptions,
    state: FillState | None,
) -> WideTable:
    """Read the table from the files; with a state, filling is left to the caller."""
    reading = read_parquet.ParquetRead(plan, fields, options.rollups)
    length, tickers = len(reading.ts_us), len(plan.names)
    _check_size(request, (length, tickers * len(fields), tickers), 0, options)
    # A file is written ticker by ticker; values to be filled from a state are not finished then.
    path = options.values_path if state is None else None
    buffer = allocate(path, tickers, len(fields), length, options.dtype, by_time=options.by_time)
    present = np.zeros((tickers, length), dtype=bool, order="F" if options.by_time else "C")
    limits = FillLimits.of(request, reading.ts_us)
    if options.observer is not None:
        options.observer.begin(reading.ts_us)

    # Runs on the reading thread, while the ticker's rows are in its cache.
    def finish(number: int, rows: np.ndarray) -> None:
        here = present[number : number + 1]
        if "bar_count" in fields:
            rows[fields.index("bar_count"), ~here[0]] = 0
        if options.observer is not None and reading.stored[number]:
            options.observer.observe(plan.names[number], here[0], rows[fields.index("close")])
        if state is None:
            if fills_forward(request):
                fill_forward(rows, here, fields, limits)
            put_fill_value(rows, options.fill_value)

    with closing(buffer):
        reading.fill(buffer, present, finish)
        values = buffer.finish()
    close_us = reading.close_us if options.with_close else None
    return WideTable(plan.names, reading.stored, fields, reading.ts_us, close_us, values, present)


def _from_sql(
    connection: duckdb.DuckDBPyConnection,
    request: AlignRequest,
    fields: tuple[str, ...],
    options: AssemblyOptions,
    state: FillState | None,
) -> tuple[WideTable, np.ndarray | None]:
    """Assemble the table from streamed rows; return with it which buckets are in range, None for all."""
    tickers = request_tickers(connection, request)
    fills = fills_forward(request)
    needs_days = fills and (not request.across_sessions or any(one != ActiveRange() for one in tickers.active))
    with_days = needs_days and not tickers.is_mixed
    wide, labels = _scatter(connection, request, tickers, fields, options, with_days=with_days)
    days = labels.days
    if needs_days and tickers.is_mixed:
        days = _local_days(wide.ts_us, request.tz)
    if fills:
        if days is not None and tickers.is_mixed and not request.across_sessions and request.interval.is_intraday:
            _fill_own_sessions(connection, request, tickers, wide, days)
        else:
            fill_forward(wide.values, wide.present, fields, FillLimits.of(request, wide.ts_us, days), state)
        if days is not None:
            mask_inactive(wide.values, wide.present, days, tickers.active, fields)
    put_fill_value(wide.values, options.fill_value)
    return wide, labels.in_range


def _fill_own_sessions(
    connection: duckdb.DuckDBPyConnection,
    request: AlignRequest,
    tickers: RequestTickers,
    wide: WideTable,
    local_days: np.ndarray,
) -> None:
    """Fill each ticker within the sessions of its own calendar."""
    days = {key: session_days(connection, key, wide.ts_us, local_days) for key in set(tickers.session_keys)}
    width = len(wide.fields)
    for number, key in enumerate(tickers.session_keys):
        limits = FillLimits.of(request, wide.ts_us, days[key])
        own = slice(number * width, (number + 1) * width)
        fill_forward(wide.values[own], wide.present[number : number + 1], wide.fields, limits)


def _scatter(
    connection: duckdb.DuckDBPyConnection,
    request: AlignRequest,
    tickers: RequestTickers,
    fields: tuple[str, ...],
    options: AssemblyOptions,
    *,
    with_days: bool,
) -> tuple[WideTable, BucketLabels]:
    """Put every row into its place; batches are released as they are used up."""
    special = (CLOSE,) * options.with_close + (SESSION,) * with_days + (IN_RANGE,) * (request.lookback is not None)
    waiting = _collect(present_batches(connection, request, tickers.names, (*special, *fields)), request, options)
    edges = []
    if request.method == GRID:
        edges = [batch for batch in grid_batches(connection, request, special) if batch.num_rows]
    grid = make_grid([batch.column("ts_us").to_numpy() for batch in (*waiting, *edges)], request.interval)
    length, count = len(grid.ts_us), len(tickers.names)
    width = count * len(fields)
    _check_size(request, (length, width, count), sum(batch.nbytes for batch in waiting), options)
    values = np.full((length, width) if options.by_time else (width, length), np.nan, dtype=options.dtype)
    present = np.zeros((length, count) if options.by_time else (count, length), dtype=bool)
    labels = BucketLabels(length, special)
    for batch in edges:
        labels.add(batch, grid.places(batch.column("ts_us").to_numpy()))
    # A flat index is one multiplication and addition a row, in either memory order.
    flat, flat_present = values.reshape(-1), present.reshape(-1)
    step, row = (width, 1) if options.by_time else (1, length)
    waiting.reverse()
    while waiting:
        batch = waiting.pop()
        place = grid.places(batch.column("ts_us").to_numpy())
        slot = batch.column("slot").to_numpy().astype(np.int64)
        flat_present[slot + place * count if options.by_time else slot * length + place] = True
        labels.add(batch, place)
        base = slot * (len(fields) * row) + place * step
        for number, name in enumerate(fields):
            flat[base + number * row] = _floats(batch.column(name))
    if options.by_time:
        values, present = values.T, present.T
    wide = WideTable(tickers.names, tickers.stored, fields, grid.ts_us, labels.close_us, values, present)
    if options.masked is not None:
        _mask(wide, options.masked)
    if "bar_count" in fields:
        values[fields.index("bar_count") :: len(fields)][~present] = 0
    return wide, labels


def _collect(
    batches: Iterator[pa.RecordBatch], request: AlignRequest, options: AssemblyOptions
) -> list[pa.RecordBatch]:
    """Collect the batches that have rows; stop as soon as they alone take more than the result may."""
    waiting, size = [], 0
    for batch in batches:
        if batch.num_rows:
            waiting.append(batch)
            size += batch.nbytes
            check_fits(size, options.max_bytes, f"the rows of {request.bounds}")
    return waiting


def _check_size(request: AlignRequest, shape: tuple[int, int, int], waiting: int, options: AssemblyOptions) -> None:
    """Check a table of (buckets, columns, tickers), beside rows of `waiting` bytes, against the memory limit."""
    length, width, tickers = shape
    size = length * (width * (8 if options.dtype == "float64" else 4) + tickers)
    what = f"{length:,} rows × {width:,} columns of {options.dtype} for {request.bounds}"
    check_fits(size + waiting, options.max_bytes, what)


def _mask(wide: WideTable, masked: MaskedBars) -> None:
    for number, name in enumerate(wide.tickers):
        labels = masked.ts_us.get(name)
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


def _local_days(ts_us: np.ndarray, tz: str) -> np.ndarray:
    """Return the dates of instants in a zone, in days since 1970-01-01."""
    import pandas as pd

    local = pd.DatetimeIndex(ts_us.view("datetime64[us]")).tz_localize("UTC").tz_convert(tz).tz_localize(None)
    return local.to_numpy().astype("datetime64[D]").astype(np.int64)


def _take_fields(wide: WideTable, fields: tuple[str, ...]) -> WideTable:
    """Drop fields that were only read to compute others."""
    if wide.fields == fields:
        return wide
    keep = [
        ticker * len(wide.fields) + wide.fields.index(name) for ticker in range(len(wide.tickers)) for name in fields
    ]
    values = wide.values[keep] if wide.values.flags.c_contiguous else wide.values.T[:, keep].T
    return replace(wide, fields=fields, values=values)
