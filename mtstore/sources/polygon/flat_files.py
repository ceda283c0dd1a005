"""Read Polygon/Massive flat files: one CSV.gz per exchange day with the bars of all tickers, many at once.

Header `ticker,volume,open,close,high,low,window_start,transactions` in any order; `window_start` is the bar's open in
nanoseconds since the epoch, UTC. No type is guessed: tickers such as NA, NAN, TRUE and 001 stay text. Prices are raw.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.bars import SourceBinding
from mtstore.duckdb_instance import new_instance
from mtstore.errors import BrokenFileError
from mtstore.sources.polygon.flat_file import COLUMNS, SESSION_DATE, FlatFile, open_text

if TYPE_CHECKING:
    import pyarrow as pa

BINDING = SourceBinding("polygon", "polygon")


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that is not a row: its place, the error, and its text."""

    path: str
    line: int
    error: str
    text: str


def read_flat_files(files: Sequence[FlatFile], tickers: Collection[str] | None) -> tuple[pa.Table, list[Reject]]:
    """Return the rows of several files with the same header, in the order of the files, and the rejected lines.

    Columns: ticker, ts_us (µs; window_start's remainder below a microsecond stays in `ts_remainder`), open, high, low,
    close, file_index, and volume and transactions if the files have them. A session of futures opens at midnight of its
    date.

    Raises
    ------
    BrokenFileError
        DuckDB cannot read one of them (a truncated gzip, bytes that are not text).
    """
    import duckdb
    import numpy as np
    import pyarrow.compute as pc

    paths = [str(file.path) for file in files]
    types = COLUMNS | {SESSION_DATE: "DATE"}
    columns: dict[str, Any] = {name: types.get(name, "VARCHAR") for name in files[0].header}
    statement = sqlfiles.load("ingest.read_flat_files")
    parameters = {"files": paths, "columns": columns, "tickers": sorted(tickers) if tickers is not None else None}
    with new_instance() as connection:
        try:
            table = connection.sql(statement, params=parameters).to_arrow_table()
            table = table.select(sorted(table.column_names))  # Headers differ in order.
            rejects = connection.execute(sqlfiles.load("ingest.flat_file_rejects")).fetchall()
        except duckdb.Error as error:
            raise BrokenFileError(f"{', '.join(paths)}: {error}") from error
    found = [Reject(*row) for row in rejects]
    is_row = pc.and_(pc.is_valid(table["ticker"]), pc.is_valid(table["ts_us"]))
    if pc.all(is_row).as_py() is False:
        for file_index in np.unique(table.filter(pc.invert(is_row))["file_index"].to_numpy()):
            found += _incomplete_lines(files[file_index].path, tickers)
        table = table.filter(is_row)
    if SESSION_DATE in table.column_names:
        if files[0].schema == "ohlcv-1d":
            table = _on_session_dates(table)
        table = table.drop_columns([SESSION_DATE])
    return table, found


def read_columns(file: FlatFile) -> frozenset[str]:
    """Return the columns of a file that are read; files of one batch have the same."""
    return frozenset(file.header) & {*COLUMNS, SESSION_DATE}


def _on_session_dates(table: pa.Table) -> pa.Table:
    """Put the bars of sessions, whose window_start is the evening before, on midnight UTC of their dates."""
    import pyarrow as pa
    import pyarrow.compute as pc

    dates = table[SESSION_DATE].cast(pa.timestamp("us")).cast(pa.int64())
    stamps = pc.if_else(pc.is_valid(dates), dates, table["ts_us"])
    return table.set_column(table.column_names.index("ts_us"), "ts_us", stamps)


def locate_lines(path: Path, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Return the line numbers of rows given by ticker and window_start in µs; reads the file slowly, once."""
    wanted = set(rows)
    found: dict[tuple[str, int], int] = {}
    for number, fields in _lines(path):
        stamp = fields["window_start"]
        if stamp.isdigit() and (key := (fields["ticker"], int(stamp) // 1_000)) in wanted:
            found.setdefault(key, number)
    return found


def _incomplete_lines(path: Path, tickers: Collection[str] | None) -> Iterator[Reject]:
    """Yield the lines without a ticker or a time."""
    for number, fields in _lines(path):
        ticker = fields["ticker"]
        if (ticker and fields["window_start"]) or (ticker and tickers is not None and ticker not in tickers):
            continue
        missing = "window_start" if ticker else "ticker"
        yield Reject(str(path), number, f"the {missing} is missing", ",".join(fields.values()))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield number and fields of the lines with as many fields as the header."""
    with open_text(path) as stream:
        lines = csv.reader(stream)
        header = next(lines)
        for fields in lines:
            if len(fields) == len(header):
                yield lines.line_num, dict(zip(header, fields, strict=True))


def batches(files: Sequence[FlatFile], rows_per_batch: int) -> Iterator[list[FlatFile]]:
    """Yield groups of files with the same header and about `rows_per_batch` rows, estimated from their sizes."""
    group: list[FlatFile] = []
    estimate = 0
    for file in files:
        size = file.path.stat().st_size
        rows = size // (16 if file.path.suffix == ".gz" else 60)
        if group and (group[0].header != file.header or estimate + rows > rows_per_batch):
            yield group
            group, estimate = [], 0
        group.append(file)
        estimate += rows
    if group:
        yield group
