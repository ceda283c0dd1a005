"""What a bar is: the columns every parquet file holds, the names of the schemas, and an answer about a range.

Everything that brings bars (`sources`) speaks in `BarBatch`es; everything that stores them (`store`) takes them.
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
    """The width of a schema's bars in microseconds: `ohlcv-1m` gives 60_000_000."""
    match = _SCHEMA_NAME.match(schema) if isinstance(schema, str) else None
    if match is None:
        raise UnsupportedSchemaError(
            f"schema {schema!r} is not one that mtstore stores; bars are named like {', '.join(BAR_SCHEMAS)}"
        )
    return int(match[1]) * _UNIT_SECONDS[match[2]] * US_PER_SECOND


def is_daily(schema: str) -> bool:
    """Whether the schema's bars are a day wide or wider; such bars lie in one folder, without a year."""
    return step_us(schema) >= US_PER_DAY


def arrow_schema() -> pa.Schema:
    """The columns of every data file: `ts_event` is the bar's open, UTC, in microseconds; prices in quote currency."""
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
    """What a source's name stands for: one vendor and, for Databento, one dataset."""

    source: str
    provider: str
    dataset: str | None = None


class SymbolSpan(NamedTuple):
    """On the days from `start` up to, not including, `end` (UTC), the vendor's instrument of that number is meant."""

    start: date
    end: date
    instrument_id: int


@dataclass(frozen=True, slots=True)
class BarBatch:
    """What a vendor or a file says about one ticker of one schema.

    `bars` has the columns of `arrow_schema()`, sorted by `ts_event` and unique on it. `ranges` are what the answer
    speaks for: with `result` 'complete' or 'empty' it replaces everything stored there; with 'partial' it adds and
    overwrites; 'failed' and 'quarantined' only leave their mark in the coverage ledger. `partial_ranges` are parts of
    an otherwise complete answer that it does not speak for, because rows there were quarantined; the ledger calls them
    partial. `day_tz` is the zone whose days daily bars are, `final` that the answer never goes stale (files).
    `quarantined` has `arrow_schema()`'s columns plus `reason`, and `origin` (a file and line, or a request).
    `symbology` says which instruments the ticker stood for, if the vendor does.
    """

    binding: SourceBinding
    schema: str
    ticker: str
    ranges: tuple[TimeRange, ...]
    bars: pa.Table
    result: Result = "complete"
    reason: str | None = None
    partial_ranges: tuple[TimeRange, ...] = ()
    day_tz: str = "UTC"
    final: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
    quarantined: pa.Table | None = None
    symbology: tuple[SymbolSpan, ...] = ()
