"""The rows that a wide table is made of, as DuckDB streams them: buckets with bars, the grid, the tickers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.query.align.active import ActiveRange
from mtstore.sqlfiles import Sql, identifier, join

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from mtstore.query.request.request import AlignRequest

CLOSE = "ts_close"
SESSION = "session_day"
IN_RANGE = "in_range"
_BATCH_ROWS = 500_000
_SPECIAL = {
    CLOSE: "request.close_column",
    SESSION: "request.session_column",
    IN_RANGE: "request.in_range_column",
}


@dataclass(frozen=True, slots=True)
class CallTickers:
    """The tickers of a call in the order of its columns.

    Attributes
    ----------
    stored
        Of which anything is stored.
    is_mixed
        Whether they follow different calendars.
    active
        Between which sessions each is shown.
    """

    names: tuple[str, ...]
    stored: tuple[bool, ...]
    is_mixed: bool
    active: tuple[ActiveRange, ...]


def call_tickers(connection: duckdb.DuckDBPyConnection, call: AlignRequest) -> CallTickers:
    """Who takes part; the macros' own check of the call runs here, once."""
    rows = connection.execute(sqlfiles.load("request.tickers"), call.common_parameters()).fetchall()
    names, stored, mixed, first, last = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    active = tuple(ActiveRange(*days) for days in zip(first, last, strict=True))
    return CallTickers(tuple(names), tuple(stored), any(mixed), active)


def present_batches(
    connection: duckdb.DuckDBPyConnection, call: AlignRequest, names: Sequence[str], columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """One row per ticker and bucket with bars: `slot` (place in `names`), `ts_us`, and the columns asked for."""
    statement = sqlfiles.load("request.present_rows", columns=_columns(columns))
    parameters: dict[str, Any] = call.common_parameters() | {"names": list(names), "lookback": call.lookback}
    yield from connection.sql(statement, params=parameters).to_arrow_reader(_BATCH_ROWS)


def grid_batches(
    connection: duckdb.DuckDBPyConnection, call: AlignRequest, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """One row per bucket of the calendar's complete grid: `ts_us`, and of the columns those that a bucket has."""
    wanted = [name for name in columns if name in {CLOSE, SESSION}]
    statement = sqlfiles.load("request.grid_rows", columns=_columns(wanted))
    parameters = call.common_parameters()
    del parameters["adjust"]
    yield from connection.sql(statement, params=parameters).to_arrow_reader(_BATCH_ROWS)


def _columns(names: Sequence[str]) -> Sql:
    columns = [sqlfiles.load(_SPECIAL[name]) if name in _SPECIAL else identifier(name) for name in names]
    return join(columns or [sqlfiles.load("request.no_column")], ", ")
