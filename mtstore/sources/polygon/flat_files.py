"""Read Polygon/Massive flat files: one CSV.gz per exchange day with the bars of all tickers, many at once.

Header `ticker,volume,open,close,high,low,window_start,transactions` in any order; `window_start` is the bar's open in
nanoseconds since the epoch, UTC. No type is guessed: tickers such as NA, NAN, TRUE and 001 stay text. Prices are raw.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from zoneinfo import ZoneInfo

from mtstore import sqlfiles
from mtstore.bars import SourceBinding
from mtstore.duckdb_instance import new_instance
from mtstore.errors import BrokenFileError, InputError
from mtstore.ranges import TimeRange

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = {
    "ticker": "VARCHAR",
    "volume": "DOUBLE",
    "open": "DOUBLE",
    "close": "DOUBLE",
    "high": "DOUBLE",
    "low": "DOUBLE",
    "window_start": "BIGINT",
    "transactions": "DOUBLE",
}
BINDING = SourceBinding("polygon", "polygon")
_NEW_YORK = "America/New_York"
_UTC_MARKETS = ("global_crypto", "global_forex")
_FOLDERS = {"minute_aggs": "ohlcv-1m", "day_aggs": "ohlcv-1d"}
_DAY_IN_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv(?:\.gz)?\Z")
_PEEK_ROWS = 200


@dataclass(frozen=True, slots=True)
class FlatFile:
    """One flat file, as its header, first rows and name describe it.

    Attributes
    ----------
    header
        Its column names, in its own order.
    schema
        `ohlcv-1m` or `ohlcv-1d`.
    day
        The exchange day, in `day_tz`; the file covers all of it.
    """

    path: Path
    header: tuple[str, ...]
    schema: str
    day: date
    day_tz: str

    @property
    def span(self) -> TimeRange:
        """The exchange day as instants."""
        zone = ZoneInfo(self.day_tz)
        bounds = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (self.day, self.day + timedelta(days=1)))
        start, end = (int(bound.timestamp()) * 1_000_000 for bound in bounds)
        return TimeRange(start, end)


def open_flat_file(path: Path, schema: str | None = None) -> FlatFile:
    """Read a flat file's header, first rows and name.

    Raises
    ------
    BrokenFileError
        It cannot be decompressed, a column is missing, it has neither rows nor a date in its name, or it spans several
        days.
    InputError
        Its bars are not those of `schema`.
    """
    header, rows = _peek(path)
    missing = sorted(COLUMNS.keys() - set(header))
    if missing:
        raise BrokenFileError(
            f"{path}: line 1: no column {', '.join(map(repr, missing))}; a flat file has {', '.join(COLUMNS)}"
        )
    day_tz = "UTC" if any(market in path.parts for market in _UTC_MARKETS) else _NEW_YORK
    stamps = _stamps(path, header, rows)
    return FlatFile(path, header, _schema_of(path, stamps, day_tz, schema), _day_of(path, stamps, day_tz), day_tz)


def _peek(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    with _open_text(path) as stream:
        try:
            lines = list(islice(stream, _PEEK_ROWS))
        except (EOFError, OSError, ValueError, zlib.error) as error:
            raise BrokenFileError(f"{path}: cannot be decompressed and read as text: {error}") from error
    if not lines:
        raise BrokenFileError(f"{path}: empty; a flat file begins with the line {','.join(COLUMNS)}")
    return tuple(lines[0].strip().split(",")), [line.rstrip("\r\n").split(",") for line in lines[1:]]


def _open_text(path: Path) -> TextIO:
    """Open a file as text, gzipped or not; bytes that are not UTF-8 are kept."""
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
    if is_gzip:
        return gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape")
    return path.open(encoding="utf-8", errors="surrogateescape")


def _stamps(path: Path, header: Sequence[str], rows: list[list[str]]) -> list[datetime]:
    place = header.index("window_start")
    stamps = [row[place] for row in rows if len(row) == len(header) and row[place].isdigit()]
    try:
        return [datetime.fromtimestamp(int(stamp) / 1e9, ZoneInfo("UTC")) for stamp in stamps]
    except (OverflowError, ValueError) as error:
        raise BrokenFileError(f"{path}: window_start is not in nanoseconds since the epoch: {error}") from error


def _schema_of(path: Path, stamps: list[datetime], day_tz: str, requested: str | None) -> str:
    """Return the schema: by the folder, else by the first rows; midnights alone may also be minutes."""
    local = [stamp.astimezone(ZoneInfo(day_tz)) for stamp in stamps]
    named = [schema for part in path.parts for name, schema in _FOLDERS.items() if part.startswith(name)]
    if named:
        possible = named[-1:]
    elif any(stamp.hour or stamp.minute for stamp in local):
        possible = ["ohlcv-1m"]
    else:
        possible = ["ohlcv-1d", "ohlcv-1m"] if local else ["ohlcv-1m", "ohlcv-1d"]
    if requested is not None and requested not in possible:
        raise InputError(f"{path}: its bars are {' or '.join(possible)}, but {requested} was requested")
    return requested or possible[0]


def _day_of(path: Path, stamps: list[datetime], day_tz: str) -> date:
    named = _DAY_IN_NAME.search(path.name)
    days = {stamp.astimezone(ZoneInfo(day_tz)).date() for stamp in stamps}
    if named:
        try:
            day = date.fromisoformat(named[1])
        except ValueError as error:
            raise BrokenFileError(f"{path}: {named[1]} in its name is not a date") from error
        if days and day not in days:
            raise BrokenFileError(f"{path}: the name does not fit: its first rows are of {min(days)}")
        return day
    if len(days) != 1:
        raise BrokenFileError(
            f"{path}: unknown exchange day: the name has no YYYY-MM-DD, and its first rows are of "
            f"{', '.join(map(str, sorted(days))) or 'no day'}"
        )
    return days.pop()


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
    close, volume, transactions, file_index.

    Raises
    ------
    BrokenFileError
        DuckDB cannot read one of them (a truncated gzip, bytes that are not text).
    """
    import duckdb
    import numpy as np
    import pyarrow.compute as pc

    paths = [str(file.path) for file in files]
    columns: dict[str, Any] = {name: COLUMNS.get(name, "VARCHAR") for name in files[0].header}
    statement = sqlfiles.load("ingest.read_flat_files")
    parameters = {"files": paths, "columns": columns, "tickers": sorted(tickers) if tickers is not None else None}
    with new_instance() as connection:
        try:
            table = connection.sql(statement, params=parameters).to_arrow_table()
            rejects = connection.execute(sqlfiles.load("ingest.flat_file_rejects")).fetchall()
        except duckdb.Error as error:
            raise BrokenFileError(f"{', '.join(paths)}: {error}") from error
    found = [Reject(*row) for row in rejects]
    is_row = pc.and_(pc.is_valid(table["ticker"]), pc.is_valid(table["ts_us"]))
    if pc.all(is_row).as_py() is False:
        for file_index in np.unique(table.filter(pc.invert(is_row))["file_index"].to_numpy()):
            found += _incomplete_lines(files[file_index].path, tickers)
        table = table.filter(is_row)
    return table, found


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
    with _open_text(path) as stream:
        header = stream.readline().strip().split(",")
        for number, line in enumerate(stream, start=2):
            fields = line.rstrip("\r\n").split(",")
            if len(fields) == len(header):
                yield number, dict(zip(header, fields, strict=True))


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
