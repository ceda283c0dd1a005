"""What one Polygon/Massive flat file is: its columns, the width of its bars, and the days that it covers.

A flat file is a CSV (gzipped or not) with the bars of all tickers of a market on one day. The day of shares, options
and indices is New York's. Tickers that begin with `X:` or `C:` (crypto, currencies) have days of UTC, whatever the
folder is called. A file of futures has the column `session_end_date`: its day begins on the evening before, at 17:00 in
Chicago.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias
from zoneinfo import ZoneInfo

from mtstore.errors import BrokenFileError, InputError
from mtstore.ranges import Ranges, TimeRange, normalise

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
SESSION_DATE = "session_end_date"
_ONLY_OF_TRADES = ("volume", "transactions")  # Indices are computed, not traded.
NEW_YORK = "America/New_York"
_CHICAGO = "America/Chicago"
_SESSION_ENDS = time(17)
_FOLDERS = {"minute_aggs": "ohlcv-1m", "day_aggs": "ohlcv-1d", "session_aggs": "ohlcv-1d"}
_DAY_IN_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv(?:\.gz)?\Z")
_PEEK_ROWS = 200

Row: TypeAlias = "tuple[str, int, str]"
"""Ticker, window_start in ns and session_end_date ('' without one) of a row."""


@dataclass(frozen=True, slots=True)
class FlatFile:
    """One flat file, as its header, rows and name describe it.

    Attributes
    ----------
    header
        Its column names, in its own order.
    schema
        `ohlcv-1m` or `ohlcv-1d`.
    ranges
        What it covers, by the zone of a ticker's days.
    day_tz
        The zone of its first tickers.
    is_futures
        Whether it is of futures. Some files of futures are cut at midnight UTC, others at the end of a session.
    """

    path: Path
    header: tuple[str, ...]
    schema: str
    ranges: Mapping[str, Ranges]
    day_tz: str
    is_futures: bool = False

    @property
    def span(self) -> TimeRange | None:
        """The hull of what it covers for its first tickers."""
        ranges = self.ranges[self.day_tz]
        return TimeRange(ranges[0].start_us, ranges[-1].end_us) if ranges else None

    def zone_of(self, ticker: str) -> str:
        """Return the zone whose days are the ticker's."""
        return "UTC" if self.is_futures else zone_of(ticker)

    def ranges_of(self, ticker: str) -> Ranges:
        """Return what the file covers for a ticker."""
        return self.ranges[self.zone_of(ticker)]


def zone_of(ticker: str) -> str:
    """Return the zone of the days of a ticker that is not a future."""
    return "UTC" if ticker.startswith(("X:", "C:")) else NEW_YORK


def open_flat_file(path: Path, schema: str | None = None) -> FlatFile:
    """Read a flat file's header, first rows and name; all of its rows if the name has no day, or if it is of futures.

    Raises
    ------
    BrokenFileError
        It cannot be decompressed, a column is missing, or its name has another day than its rows.
    InputError
        Its bars are not those of `schema`.
    """
    header, rows = _peek(path)
    missing = sorted(COLUMNS.keys() - set(header))
    is_index = "us_indices" in path.parts or (bool(rows) and all(ticker.startswith("I:") for ticker, *_ in rows))
    if is_index:
        missing = [name for name in missing if name not in _ONLY_OF_TRADES]
    if missing:
        raise BrokenFileError(
            f"{path}: line 1: no column {', '.join(map(repr, missing))}; a flat file has {', '.join(COLUMNS)}"
        )
    is_futures = SESSION_DATE in header
    zone = "UTC" if is_futures or (rows and zone_of(rows[0][0]) == "UTC") else NEW_YORK
    width = _schema_of(path, header, rows, schema, is_futures=is_futures)
    named = _day_in_name(path)
    _check_day(path, named, rows, is_futures=is_futures)
    if is_futures:
        ranges = {"UTC": _session_ranges(_all_rows(path, header), named, width)}
    elif named is not None:
        ranges = {tz: _days([named], tz) for tz in (NEW_YORK, "UTC")}
    else:
        ranges = _ranges_by_zone(path, _all_rows(path, header))
    return FlatFile(path, header, width, ranges, zone, is_futures)


def open_text(path: Path) -> TextIO:
    """Open a file as text, gzipped or not, without a byte-order mark; bytes that are not UTF-8 are kept."""
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
    if is_gzip:
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _peek(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    with open_text(path) as stream:
        try:
            lines = list(islice(stream, _PEEK_ROWS))
        except (EOFError, OSError, ValueError, zlib.error) as error:
            raise BrokenFileError(f"{path}: cannot be decompressed and read as text: {error}") from error
    if not lines:
        raise BrokenFileError(f"{path}: empty; a flat file begins with the line {','.join(COLUMNS)}")
    header, *rows = csv.reader(lines)
    columns = [header.index(name) if name in header else None for name in ("ticker", "window_start", SESSION_DATE)]
    whole = [["" if at is None else row[at] for at in columns] for row in rows if len(row) == len(header)]
    found = [(ticker, int(stamp), session) for ticker, stamp, session in whole if ticker and stamp.isdigit()]
    try:
        for _, stamp, _ in found:
            _moment(stamp)
    except (OverflowError, ValueError, OSError) as error:
        raise BrokenFileError(f"{path}: window_start is not in nanoseconds since the epoch: {error}") from error
    return tuple(header), found


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / 1e9, UTC)


def _schema_of(
    path: Path, header: Collection[str], rows: Sequence[Row], requested: str | None, *, is_futures: bool
) -> str:
    """Return the schema: by the folder, else by the first rows; midnights alone may also be minutes."""
    local = [_moment(ns).astimezone(ZoneInfo(zone_of(ticker))) for ticker, ns, _ in rows]
    named = [schema for part in path.parts for name, schema in _FOLDERS.items() if part.startswith(name)]
    if is_futures and "settlement_price" in header:
        possible = ["ohlcv-1d"]
    elif named:
        possible = named[-1:]
    elif any(stamp.hour or stamp.minute for stamp in local):
        possible = ["ohlcv-1m"]
    else:
        possible = ["ohlcv-1d", "ohlcv-1m"] if local else ["ohlcv-1m", "ohlcv-1d"]
    if requested is not None and requested not in possible:
        raise InputError(f"{path}: its bars are {' or '.join(possible)}, but {requested} was requested")
    return requested or possible[0]


def _day_in_name(path: Path) -> date | None:
    named = _DAY_IN_NAME.search(path.name)
    if named is None:
        return None
    try:
        return date.fromisoformat(named[1])
    except ValueError as error:
        raise BrokenFileError(f"{path}: {named[1]} in its name is not a date") from error


def _check_day(path: Path, day: date | None, rows: Sequence[Row], *, is_futures: bool) -> None:
    if is_futures:
        days = {str(_moment(ns).date()) for _, ns, _ in rows} | {session for *_, session in rows}
    else:
        days = {str(_moment(ns).astimezone(ZoneInfo(zone_of(ticker))).date()) for ticker, ns, _ in rows}
    if day is not None and days and str(day) not in days:
        raise BrokenFileError(f"{path}: the name does not fit: its first rows are of {min(days)}")


def _all_rows(path: Path, header: Sequence[str]) -> pa.Table:
    """Read tickers, times (window_start, int64 ns) and session dates of all rows; those without a time are left out."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    names = [name for name in ("ticker", "window_start", SESSION_DATE) if name in header]
    try:
        table = arrow_csv.read_csv(
            str(path) if path.suffix == ".gz" else pa.OSFile(str(path)),
            parse_options=arrow_csv.ParseOptions(invalid_row_handler=lambda _: "skip"),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.string())
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise BrokenFileError(f"{path}: cannot be read: {error}") from error
    table = table.filter(pc.match_substring_regex(table["window_start"], r"^\d{1,18}\d?$"))
    stamps = table["window_start"].cast(pa.int64())
    return table.set_column(names.index("window_start"), "window_start", stamps)


def _days(days: Iterable[date], tz: str) -> Ranges:
    """Return whole days of a zone as instants."""
    return normalise(TimeRange(_wall(day, time(), tz), _wall(day + timedelta(days=1), time(), tz)) for day in days)


def _wall(day: date, clock: time, tz: str) -> int:
    return int(datetime.combine(day, clock, ZoneInfo(tz)).timestamp()) * 1_000_000


def _ranges_by_zone(path: Path, rows: pa.Table) -> dict[str, Ranges]:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_utc = pc.match_substring_regex(rows["ticker"], "^[XC]:")
    ranges = {}
    for tz, chosen in ((NEW_YORK, pc.invert(is_utc)), ("UTC", is_utc)):
        local = pc.local_timestamp(rows.filter(chosen)["window_start"].cast(pa.timestamp("ns", tz=tz)))
        ranges[tz] = _days(pc.unique(local.cast(pa.date32(), safe=False)).to_pylist(), tz)
    if not any(ranges.values()):
        raise BrokenFileError(f"{path}: unknown exchange day: the name has no YYYY-MM-DD, and it has no rows")
    return ranges


def _session_ranges(rows: pa.Table, named: date | None, schema: str) -> Ranges:
    """Return what a file of futures covers.

    It is the sessions of its days if it has rows of the evening before, else from midnight UTC: a file that is cut
    there does not prove that the evening had no bars.
    """
    import pyarrow.compute as pc

    if named is not None:
        days = [named]
    else:
        days = sorted(date.fromisoformat(day) for day in pc.unique(rows[SESSION_DATE]).to_pylist() if day)
    if not days:
        return ()
    if schema == "ohlcv-1d":
        return _days(days, "UTC")
    first, last = (
        int(edge.as_py() or 0) // 1_000 for edge in (pc.min(rows["window_start"]), pc.max(rows["window_start"]))
    )
    ranges = [
        TimeRange(_wall(day - timedelta(days=1), _SESSION_ENDS, _CHICAGO), _wall(day, _SESSION_ENDS, _CHICAGO))
        for day in days
    ]
    midnight, end = _wall(days[0], time(), "UTC"), ranges[-1].end_us
    start = ranges[0].start_us if first < midnight else midnight
    if last >= end:
        end = _wall(days[-1] + timedelta(days=1), time(), "UTC")
    ranges[0] = TimeRange(start, ranges[0].end_us)
    ranges[-1] = TimeRange(ranges[-1].start_us if len(ranges) > 1 else start, end)
    return normalise(ranges)
