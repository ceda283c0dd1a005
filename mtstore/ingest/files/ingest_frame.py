"""Ingest of a frame in memory: a pandas or polars DataFrame, or a pyarrow Table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.arguments import ticker_name
from mtstore.errors import InputError
from mtstore.ingest.files.custom_input import CustomInput, as_covers, complete_mapping
from mtstore.ingest.files.ingest_files import ingest_inputs
from mtstore.ingest.files.report import IngestResult
from mtstore.ingest.run_record import start_run
from mtstore.ranges import TimeRange
from mtstore.sources.custom.column_mapping import as_mapping
from mtstore.sources.custom.read_file import ColumnMapping

if TYPE_CHECKING:
    from mtstore.bounds import BoundLike
    from mtstore.storage.repository import Repository


def is_frame(data: object) -> bool:
    """Whether `data` is a pandas or polars DataFrame, or a pyarrow Table."""
    return _kind(data) in {("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")}


def _kind(data: object) -> tuple[str, str]:
    """A type's package and name: nothing is imported to tell it."""
    return type(data).__module__.partition(".")[0], type(data).__name__


def ingest_frame(
    store: Repository,
    frame: Any,
    *,
    ticker: str | None = None,
    schema: str | None = None,
    covers: TimeRange | tuple[BoundLike, BoundLike] | None = None,
    tz: str = "UTC",
    mapping: ColumnMapping | dict[str, Any] | Path | str | None = None,
    source: str | None = None,
) -> IngestResult:
    """Put the bars of a frame into a store.

    Parameters
    ----------
    frame
        Columns ts_event (or the index), open, high, low, close, volume; vwap and transactions if there are any; and
        ticker, unless `ticker` says whose the bars are.
    schema
        `ohlcv-1m` …: what the bars are.
    covers
        What the frame speaks for: a half-open range of instants, or two dates, days of UTC, both included. Stored
        bars there that the frame lacks are withdrawn. Without it, the frame only adds and overwrites.
    tz
        IANA zone of times without one, and of daily bars' days.
    mapping
        Other names of columns, and all else that `ColumnMapping` knows, or the file that has it; then `ticker` and `tz`
        stand in it.
    source
        The source's name, `own` by default.

    Raises
    ------
    InputError
        Neither `schema` nor `mapping` is given, or they disagree; a source or `covers` that cannot be right.
    TickerError
        No ticker can have the name `ticker`.
    BrokenFileError
        A column is missing, or a value cannot be read.
    """
    began = time.monotonic()
    if ticker is not None:
        ticker_name(ticker)
    if _kind(frame)[0] == "polars":
        frame = frame.to_arrow()
    mapping = as_mapping(mapping, schema)
    if mapping is None and schema is not None:
        mapping = ColumnMapping(schema, ticker=ticker, tz=tz)
    elif ticker is not None and mapping is not None and mapping.ticker != ticker:
        raise InputError(f"ticker {ticker!r} is given beside a mapping that says {mapping.ticker!r}")
    mapping = complete_mapping(mapping, schema, "the frame")
    opened = CustomInput.of_frame(frame, mapping=mapping, source=source, covers=as_covers(covers))
    run = start_run("ingest", {"frame": str(opened.path), "mapping": mapping.to_request()})
    report = ingest_inputs(store, [opened], [], run)
    report.seconds = time.monotonic() - began
    return report
