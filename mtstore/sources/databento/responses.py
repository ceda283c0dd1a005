"""From a downloaded DBN file to answers: the file is whole and is what was asked for; its rows keep the contract."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mtstore.bars import VALUE_COLUMNS, BarBatch, SourceBinding
from mtstore.errors import IngestError
from mtstore.ranges import TimeRange, intersect, subtract
from mtstore.sources.bar_rules import Checked, check_rows, empty_bars
from mtstore.sources.databento.dbn_file import DbnFile
from mtstore.sources.http.retry import AttemptError, Failure

if TYPE_CHECKING:
    import pyarrow as pa

# Datasets of stocks and their options; everywhere else prices may be negative.
_EQUITY_VENUES = frozenset({
    "ARCX", "BATS", "BATY", "DBEQ", "EDGA", "EDGX", "EPRL", "EQUS", "IEXG", "MEMX", "OPRA",
    "XASE", "XBOS", "XCHI", "XCIS", "XNAS", "XNYS", "XPSX",
})  # fmt: skip


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
        checked = Checked(empty_bars())
        notes = []
        if symbol in rows:
            checked = check_rows(
                combine_publishers(rows.pop(symbol)),
                schema=file.schema,
                asked=asked,
                day_tz="UTC",
                origin=origin,
                allows_negative_prices=may_be_negative(file.dataset),
                allows_missing_prices=True,
            )
            notes += [checked.reason] if checked.reason else []
        if symbol in file.not_found:
            notes.append(unresolved(ticker))
        elif symbol in file.partial:
            notes.append(f"{ticker} resolves on some days of the range only")
        yield BarBatch(
            binding=binding,
            schema=file.schema,
            ticker=ticker,
            ranges=subtract((asked,), checked.doubtful),
            partial_ranges=intersect((asked,), checked.doubtful),
            bars=checked.bars,
            result=checked.result,
            reason="; ".join(notes) or None,
            request=request,
            quarantined=checked.quarantined,
            symbology=file.symbology(symbol),
        )


def unresolved(ticker: str) -> str:
    """Why an answer about a ticker that the vendor does not know is empty."""
    return f"the vendor resolves {ticker} on no day of the range"


def may_be_negative(dataset: str) -> bool:
    """Whether prices of a dataset may be zero or negative, as those of futures may."""
    return dataset.split(".", maxsplit=1)[0] not in _EQUITY_VENUES


def combine_publishers(rows: pa.Table) -> dict[str, Any]:
    """The columns of one ticker's bars, those of several publishers (venues) made into one.

    Open and close are those of the publisher with the greatest volume, high and low the extremes, the volume the sum.
    """
    import numpy as np

    ts = rows["ts_event"].cast("int64").to_numpy()
    columns = {name: rows[name].cast("float64").fill_null(math.nan).to_numpy() for name in VALUE_COLUMNS}
    publishers = rows["publisher_id"].to_numpy()
    if len(ts) == 0 or (publishers == publishers[0]).all():
        return {"ts_us": ts, **columns}
    # A publisher's own repetitions are not summed: only the last of them counts.
    arrival = np.arange(len(ts))
    order = np.lexsort((arrival, publishers, ts))
    is_last = np.append((np.diff(ts[order]) != 0) | (np.diff(publishers[order].astype(np.int64)) != 0), True)
    order = order[is_last]
    order = order[np.lexsort((publishers[order], -np.nan_to_num(columns["volume"][order]), ts[order]))]
    first = np.flatnonzero(np.append(True, np.diff(ts[order]) != 0))
    combined: dict[str, Any] = {name: column[order][first] for name, column in columns.items()}
    combined["high"] = np.fmax.reduceat(columns["high"][order], first)
    combined["low"] = np.fmin.reduceat(columns["low"][order], first)
    combined["volume"] = np.add.reduceat(columns["volume"][order], first)
    return {"ts_us": ts[order][first], **combined}


def _rows_by_symbol(file: DbnFile) -> dict[str, pa.Table]:
    """All rows of each symbol, in order of arrival."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts: dict[str, list[pa.Table]] = {}
    for batch in file.batches():
        table = pa.Table.from_batches([batch])
        names = table["ticker"].combine_chunks().dictionary_encode()
        for number, name in enumerate(names.dictionary.to_pylist()):
            own = table if len(names.dictionary) == 1 else table.filter(pc.equal(names.indices, number))
            parts.setdefault(name, []).append(own)
    return {name: pa.concat_tables(tables) for name, tables in parts.items()}


def _refuse(message: str) -> NoReturn:
    raise AttemptError(Failure("answer", message, status=200))
