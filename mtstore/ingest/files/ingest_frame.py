"""Ingest bars in memory: a pandas or polars DataFrame, a pyarrow Table, or what clients return."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.arguments import ticker_name
from mtstore.errors import BrokenFileError
from mtstore.ingest.files.ingest_files import ingest_inputs
from mtstore.ingest.files.inputs.custom_input import CustomInput, check_covers, complete_mapping
from mtstore.ingest.files.report import IngestResult
from mtstore.ingest.run_record import start_run
from mtstore.sources.custom.mapping.parse_mapping import as_mapping
from mtstore.sources.custom.python_bars import as_frame

if TYPE_CHECKING:
    from mtstore.ingest.files.inputs.custom_input import Covers
    from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
    from mtstore.storage.repository import Repository


def ingest_frame(
    store: Repository,
    frame: Any,
    *,
    ticker: str | None = None,
    schema: str | None = None,
    covers: Covers | None = None,
    tz: str | None = None,
    mapping: ColumnMapping | dict[str, Any] | Path | str | None = None,
    source: str | None = None,
) -> IngestResult:
    """Write the bars of a frame into a store.

    Parameters
    ----------
    frame
        Columns ts_event (or the index), open, high, low, close, volume, and optionally vwap and transactions; and
        ticker, unless `ticker` is given. Or frames by ticker, ccxt's lists, or Polygon's `Agg` objects.
    ticker
        The ticker of all rows.
    schema
        The bars' schema, `ohlcv-1m` ….
    covers
        As in `ingest_files`; dates are days of `tz`, or of the zone of aware times.
    tz
        IANA zone of naive times, and of daily bars' days; by default UTC.
    mapping
        Other names of columns and every other setting of `ColumnMapping`, or the path of a file with them; what it does
        not say may stand beside it.
    source
        The source's name, `own` by default.

    Raises
    ------
    InputError
        Neither `schema` nor `mapping` is given, or they disagree; `source` or `covers` is not valid.
    TickerError
        `ticker` is not a valid name.
    BrokenFileError
        A column is missing, a value cannot be read, or the rows have another width than the schema.
    """
    if ticker is not None:
        ticker_name(ticker)
    name = f"<{type(frame).__name__}>"
    frame = as_frame(frame)
    mapping = complete_mapping(as_mapping(mapping, schema), "the frame", schema=schema, ticker=ticker, tz=tz)
    run = start_run("ingest", {"frame": name, "mapping": mapping.to_request()})
    opened = CustomInput.of_frame(frame, name=name, mapping=mapping, source=source, covers=check_covers(covers))
    result = ingest_inputs(store, [opened], [], run)
    if result.rejected:
        raise BrokenFileError(str(result.rejected[0].error))
    return result
