"""Bar schemas, their columns and types, and a batch of bars with the ranges that it covers.

`sources` produce `BarBatch`es, `storage` stores them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from mtstore.errors import UnsupportedSchemaError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, TimeRange

if TYPE_CHECKING:
    import pyarrow as pa


BAR_SCHEMAS = ("ohlcv-1s", "ohlcv-1m", "ohlcv-1h", "ohlcv-1d")
"""The schemas whose views exist even in an empty store; any `ohlcv-<n><s|m|h|d>` may be stored."""

PRICE_COLUMNS = ("open", "high", "low", "close")
VALUE_COLUMNS = (*PRICE_COLUMNS, "volume", "vwap", "transactions")

_SCHEMA_NAME = re.compile(r"ohlcv-([1-9][0-9]{0,3})([smhd])\Z")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Result = Literal["complete", "empty", "partial", "failed", "quarantined"]
FileFormat = Literal["polygon-flatfile", "dbn", "parquet", "csv"]
FILE_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)


def step_us(schema: str) -> int:
    """Return the width of a schema's bars in microseconds: 60_000_000 for `ohlcv-1m`."""
    match = _SCHEMA_NAME.match(schema) if isinstance(schema, str) else None
    if match is None:
        raise UnsupportedSchemaError(
            f"schema {schema!r} is not one that mtstore stores; bars are named like {', '.join(BAR_SCHEMAS)}"
        )
    return int(match[1]) * _UNIT_SECONDS[match[2]] * US_PER_SECOND


def is_daily(schema: str) -> bool:
    """Return whether bars are a day wide or wider; their folders have no year."""
    return step_us(schema) >= US_PER_DAY


def arrow_schema() -> pa.Schema:
    """Return the columns of data files: `ts_event` is the bar's open, UTC, µs; prices are in quote currency."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("ts_event", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("open", pa.float64()),
            pa.field("high", pa.float64()),
            pa.field("low", pa.float64()),
            pa.field("close", pa.float64()),
            pa.field("volume", pa.float64()),
            pa.field("vwap", pa.float64()),
            pa.field("transactions", pa.int64()),
        ]
    )


@dataclass(frozen=True, slots=True)
class SourceBinding:
    """The vendor of a source and, for Databento, its dataset."""

    source: str
    provider: str
    dataset: str | None = None


class SymbolSpan(NamedTuple):
    """The vendor's instrument id of a symbol on the UTC days `[start, end)`."""

    start: date
    end: date
    instrument_id: int


@dataclass(frozen=True, slots=True)
class BarBatch:
    """The bars of one ticker and schema from a vendor or a file, and the ranges that they cover.

    `bars` has the columns of `arrow_schema()`, sorted by `ts_event` and unique on it. `ranges` are covered: with
    `result` 'complete' or 'empty' the batch replaces everything stored there; with 'partial' it adds and overwrites;
    'failed' and 'quarantined' are only recorded in the coverage ledger. `partial_ranges` are parts of an otherwise
    complete batch that it does not cover, because rows there were quarantined; the ledger has them as partial.
    `partial_reason` is the reason of those alone.
    `withdraws` is false for batches that cover their ranges without replacing what else is stored there. `day_tz`
    is the zone of the days of daily bars. `final` batches never expire (files). `quarantined` has the columns of
    `arrow_schema()` and `reason` and `origin` (a file and line, or a request). `symbology` has the instruments that
    the ticker meant, if the vendor reports them. `is_unavailable` batches are 'failed' because the vendor does not have
    their ranges, or not for this key.
    """

    binding: SourceBinding
    schema: str
    ticker: str
    ranges: tuple[TimeRange, ...]
    bars: pa.Table
    result: Result = "complete"
    reason: str | None = None
    partial_ranges: tuple[TimeRange, ...] = ()
    partial_reason: str | None = None
    withdraws: bool = True
    day_tz: str = "UTC"
    final: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
    quarantined: pa.Table | None = None
    symbology: tuple[SymbolSpan, ...] = ()
    is_unavailable: bool = False
