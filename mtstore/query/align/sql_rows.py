"""The rows of a wide table as DuckDB streams them: its tickers, buckets with bars, the calendar's grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtstore import sqlfiles
from mtstore.query.align.forward_fill import ActiveRange
from mtstore.query.request.request import Chunk
from mtstore.sqlfiles import Sql, identifier, join

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from mtstore.query.request.request import AlignRequest

CLOSE = "ts_close"
SESSION = "session_day"
IN_RANGE = "in_range"
_BATCH_ROWS = 500_000
_LATEST_DAY = 1 << 40
_SPECIAL = {
    CLOSE: "request.close_column",
    SESSION: "request.session_column",
    IN_RANGE: "request.in_range_column",
}


@dataclass(frozen=True, slots=True)
class RequestTickers:
    """The tickers of a request in the order of its columns.

    Attributes
    ----------
    stored
        Which have stored bars.
    is_mixed
        Whether they follow different calendars.
    session_keys
        The session key of each.
    """

    names: tuple[str, ...]
    stored: tuple[bool, ...]
    is_mixed: bool
    session_keys: tuple[str, ...]
    active: tuple[ActiveRange, ...]


def request_tickers(connection: duckdb.DuckDBPyConnection, request: AlignRequest) -> RequestTickers:
    """Return the tickers that take part; the macros' own check of the request runs here, once."""
    rows = connection.execute(sqlfiles.load("request.tickers"), request.common_parameters()).fetchall()
    names, stored, mixed, keys, first, last = zip(*rows, strict=True) if rows else ((),) * 6
    active = tuple(ActiveRange(*days) for days in zip(first, last, strict=True))
    return RequestTickers(tuple(names), tuple(stored), any(mixed), tuple(keys), active)


def session_days(
    connection: duckdb.DuckDBPyConnection, session_key: str, ts_us: np.ndarray, other_days: np.ndarray
) -> np.ndarray:
    """Return a session key's session at ascending instants, in days since 1970-01-01; `other_days` without one."""
    if not len(ts_us):
        return other_days
    parameters = {"session_key": session_key, "first_us": int(ts_us[0]), "last_us": int(ts_us[-1])}
    found = connection.execute(sqlfiles.load("request.session_starts"), parameters).fetchnumpy()
    places = np.searchsorted(found["start_us"], ts_us, side="right") - 1
    is_listed = places >= 0
    is_listed[is_listed] = ts_us[is_listed] < found["end_us"][places[is_listed]]
    return np.where(is_listed, found["session_day"][places] if len(found["start_us"]) else 0, other_days)


def present_batches(
    connection: duckdb.DuckDBPyConnection, request: AlignRequest, names: Sequence[str], columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Yield one row per ticker and bucket with bars: `slot` (place in `names`), `ts_us`, and the columns."""
    statement = sqlfiles.load("request.present_rows", columns=_columns(columns))
    parameters = _bucket_parameters(request) | {"names": list(names), "lookback": request.lookback}
    yield from connection.sql(statement, params=parameters).to_arrow_reader(_BATCH_ROWS)


def grid_batches(
    connection: duckdb.DuckDBPyConnection, request: AlignRequest, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Yield one row per bucket of the calendar's complete grid: `ts_us`, CLOSE and SESSION where `columns` has them."""
    of_bucket = [name for name in columns if name in {CLOSE, SESSION}]
    statement = sqlfiles.load("request.grid_rows", columns=_columns(of_bucket))
    parameters = _bucket_parameters(request)
    del parameters["adjust"]
    yield from connection.sql(statement, params=parameters).to_arrow_reader(_BATCH_ROWS)


def _bucket_parameters(request: AlignRequest) -> dict[str, Any]:
    chunk = request.chunk or Chunk()
    choice = {"partial": request.partial, "labels_from": chunk.labels_from, "labels_to": chunk.labels_to}
    return request.common_parameters() | choice


def _columns(names: Sequence[str]) -> Sql:
    columns = [sqlfiles.load(_SPECIAL[name]) if name in _SPECIAL else identifier(name) for name in names]
    return join(columns or [sqlfiles.load("request.no_column")], ", ")


class BucketLabels:
    """Properties of a wide table's buckets, collected from the rows of all tickers.

    Attributes
    ----------
    close_us
        Right edges, µs since the epoch; None unless read.
    days
        Sessions, in days since 1970-01-01: the earliest of any ticker; None unless read.
    in_range
        Which buckets are in the requested range of any ticker, not only in its lookback; None unless read.
    """

    def __init__(self, length: int, columns: tuple[str, ...]) -> None:
        self.close_us = np.zeros(length, dtype=np.int64) if CLOSE in columns else None
        self.days = np.full(length, _LATEST_DAY, dtype=np.int64) if SESSION in columns else None
        self.in_range = np.zeros(length, dtype=bool) if IN_RANGE in columns else None

    def add(self, batch: pa.RecordBatch, places: np.ndarray) -> None:
        """Add rows; `places` has the bucket of each."""
        if self.close_us is not None:
            np.maximum.at(self.close_us, places, batch.column("close_us").to_numpy())
        if self.days is not None:
            np.minimum.at(self.days, places, batch.column(SESSION).to_numpy())
        if self.in_range is not None:
            if IN_RANGE in batch.schema.names:
                np.logical_or.at(self.in_range, places, batch.column(IN_RANGE).to_numpy(zero_copy_only=False))
            else:
                self.in_range[places] = True  # rows of the calendar's grid
