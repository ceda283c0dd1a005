"""Turn a downloaded DBN file into batches: check that it is complete and what was requested, and check its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.bars import VALUE_COLUMNS, BarBatch, SourceBinding
from mtstore.errors import IngestError
from mtstore.infer_calendar import guess_calendar
from mtstore.ranges import TimeRange
from mtstore.sources.bar_rules import check_bars
from mtstore.sources.checked_bars import no_bars
from mtstore.sources.databento.dbn_file import DbnFile, allows_negative_prices
from mtstore.sources.http.failures import reject
from mtstore.sources.vendor import to_batch

if TYPE_CHECKING:
    import pyarrow as pa


def open_download(
    path: Path, *, dataset: str, schema: str, symbols: Mapping[str, str], requested: TimeRange, counted: int | None
) -> DbnFile:
    """Open a downloaded file that is complete and fits the request.

    Parameters
    ----------
    symbols
        The requested tickers by the symbols that were sent.
    counted
        The number of records that the vendor counted beforehand.

    Raises
    ------
    AttemptError
        The file is cut, of another request, about other tickers, or has fewer records than were counted.
    """
    try:
        file = DbnFile(path)
        records, covers = file.record_count, file.range
    except IngestError as error:
        # The path is temporary: it is of no use in an error.
        reject(str(error).replace(str(path), "the response"), error=error)
    if (file.dataset, file.schema) != (dataset, schema):
        reject(f"the response is {file.dataset} {file.schema} instead of {dataset} {schema}")
    if covers is None or covers.start_us > requested.start_us or covers.end_us < requested.end_us:
        reject(f"the response covers {covers} instead of {requested}")
    others = sorted(set(file.tickers) - set(symbols))
    if others:
        reject(f"the response is about other tickers, {', '.join(others[:5])}")
    missing = sorted(set(symbols) - set(file.tickers) - set(file.not_found))
    if missing:
        reject(f"the response has nothing about {', '.join(missing[:5])}")
    if counted is not None and records < counted:
        reject(f"the response has {records} records, but the vendor counted {counted}")
    return file


def to_batches(
    file: DbnFile,
    *,
    binding: SourceBinding,
    symbols: Mapping[str, str],
    requested: TimeRange,
    request: Mapping[str, Any],
    origin: str,
) -> Iterator[BarBatch]:
    """Yield one batch per requested ticker, in the order of `symbols`."""
    rows = _rows_by_symbol(file)
    for symbol, ticker in symbols.items():
        checked = no_bars()
        if symbol in rows:
            checked = check_bars(
                rows.pop(symbol),
                schema=file.schema,
                day_tz="UTC",
                ranges=(requested,),
                allows_negative_prices=allows_negative_prices(file.dataset),
                calendar=guess_calendar(ticker, binding.provider, binding.dataset),
            )
        note = None
        if symbol in file.not_found:
            note = unresolved(ticker)
        elif symbol in file.partial:
            note = f"{ticker} resolves on some days of the range only"
        yield to_batch(
            checked,
            binding,
            ticker=ticker,
            schema=file.schema,
            answered=requested,
            request=request,
            origin=origin,
            reason=note,
            symbology=file.symbology(symbol),
        )


def unresolved(ticker: str) -> str:
    """Return the reason of an empty batch about a ticker that the vendor does not know."""
    return f"the vendor resolves {ticker} on no day of the range"


def _rows_by_symbol(file: DbnFile) -> dict[str, dict[str, Any]]:
    """Return the columns of each symbol's rows, in order of arrival."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts: dict[str, list[pa.Table]] = {}
    for batch in file.batches():
        table = pa.Table.from_batches([batch])
        names = table["ticker"].combine_chunks().dictionary_encode()
        for number, name in enumerate(names.dictionary.to_pylist()):
            own = table if len(names.dictionary) == 1 else table.filter(pc.equal(names.indices, number))
            parts.setdefault(name, []).append(own)
    rows = {}
    for name, tables in parts.items():
        table = pa.concat_tables(tables)
        columns = {column: table[column].to_numpy() for column in (*VALUE_COLUMNS, "publisher_id")}
        rows[name] = {"ts_us": table["ts_event"].cast(pa.int64()).to_numpy(), **columns}
    return rows
