"""From a downloaded DBN file to answers: the file is whole and is what was asked for; its rows keep the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mtstore.bars import VALUE_COLUMNS, BarBatch, SourceBinding
from mtstore.errors import IngestError
from mtstore.ranges import TimeRange
from mtstore.sources.bar_rules import check_bars, no_bars
from mtstore.sources.databento.dbn_file import DbnFile, allows_negative_prices
from mtstore.sources.http.retry import AttemptError, Failure
from mtstore.sources.vendor import to_batch

if TYPE_CHECKING:
    import pyarrow as pa


def open_whole(
    path: Path, *, dataset: str, schema: str, symbols: Mapping[str, str], asked: TimeRange, counted: int | None
) -> DbnFile:
    """The downloaded file, proven to be whole and to answer the request.

    Parameters
    ----------
    symbols
        The asked tickers by the spelling in which they were sent.
    counted
        How many records the vendor had counted beforehand.

    Raises
    ------
    AttemptError
        It is cut, of another request, about other tickers, or holds fewer records than were counted.
    """
    try:
        file = DbnFile(path)
        records, covers = file.record_count, file.range
    except IngestError as error:
        # The path is a temporary one, of no use to anybody.
        message = str(error).replace(str(path), "the answer")
        raise AttemptError(Failure("answer", message, status=200, error=error)) from error
    if (file.dataset, file.schema) != (dataset, schema):
        _refuse(f"the answer is {file.dataset} {file.schema} instead of {dataset} {schema}")
    if covers is None or covers.start_us > asked.start_us or covers.end_us < asked.end_us:
        _refuse(f"the answer speaks for {covers} instead of {asked}")
    strangers = sorted(set(file.tickers) - set(symbols))
    if strangers:
        _refuse(f"the answer is about other tickers, {', '.join(strangers[:5])}")
    silent = sorted(set(symbols) - set(file.tickers) - set(file.not_found))
    if silent:
        _refuse(f"the answer says nothing about {', '.join(silent[:5])}")
    if counted is not None and records < counted:
        _refuse(f"the answer holds {records} records and the vendor counted {counted}")
    return file


def answers(
    file: DbnFile,
    *,
    binding: SourceBinding,
    symbols: Mapping[str, str],
    asked: TimeRange,
    request: Mapping[str, Any],
    origin: str,
) -> Iterator[BarBatch]:
    """One answer per asked ticker, in the order in which they were asked for."""
    rows = _rows_by_symbol(file)
    for symbol, ticker in symbols.items():
        checked = no_bars()
        if symbol in rows:
            checked = check_bars(
                rows.pop(symbol),
                schema=file.schema,
                day_tz="UTC",
                ranges=(asked,),
                allows_negative_prices=allows_negative_prices(file.dataset),
                allows_missing_prices=True,
            )
        notes = [checked.reason] if checked.reason else []
        if symbol in file.not_found:
            notes.append(unresolved(ticker))
        elif symbol in file.partial:
            notes.append(f"{ticker} resolves on some days of the range only")
        yield to_batch(
            checked,
            binding,
            ticker=ticker,
            schema=file.schema,
            answered=asked,
            request=request,
            origin=origin,
            reason="; ".join(notes) or None,
            symbology=file.symbology(symbol),
        )


def unresolved(ticker: str) -> str:
    """Why an answer about a ticker that the vendor does not know is empty."""
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


def _refuse(message: str) -> NoReturn:
    raise AttemptError(Failure("answer", message, status=200))
