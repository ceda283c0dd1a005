"""Databento DBN files of bars as Arrow batches; Databento's own client decodes the records."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtstore.bars import BAR_SCHEMAS, PRICE_COLUMNS, SymbolSpan, step_us
from mtstore.errors import BrokenFileError, UnsupportedSchemaError
from mtstore.ranges import TimeRange, intersect
from mtstore.sources.batch_schema import CHUNK_ROWS, batch_schema
from mtstore.sources.databento.dbn_stream import count_records, read_header
from mtstore.sources.databento.dbn_symbols import SYMBOLOGY, SymbolTable, read_intervals, read_symbology

if TYPE_CHECKING:
    import pyarrow as pa

_FIXED_PRICE_UNITS = 1e9
_NS_PER_US = 1_000
# Venues of stocks and their options, the first part of a dataset's name.
_EQUITY_VENUES = frozenset({
    "ARCX", "BATS", "BATY", "DBEQ", "EDGA", "EDGX", "EPRL", "EQUS", "IEXG", "MEMX", "OPRA",
    "XASE", "XBOS", "XCHI", "XCIS", "XNAS", "XNYS", "XPSX",
})  # fmt: skip


class DbnFile:
    """One `.dbn` or `.dbn.zst` file (DBN versions 1 to 3) of ohlcv-1s, -1m, -1h or -1d records.

    The constructor reads the metadata. `batches`, `record_count`, `publishers`, `range` and `ranges_by_ticker` read
    the records too, and raise BrokenFileError if the file is cut.

    Parameters
    ----------
    path
        The file, whose name does not matter.

    Raises
    ------
    UnrecognisedFileError
        The file is not DBN.
    BrokenFileError
        The file is cut, or its metadata cannot be decoded.
    UnsupportedSchemaError
        Its records are not bars.

    Attributes
    ----------
    schema : str
        `ohlcv-1s`, `ohlcv-1m`, `ohlcv-1h` or `ohlcv-1d` (days of UTC).
    dataset : str
        Databento's code, like `XNAS.ITCH`.
    symbols : tuple of str
        The symbols of the request.
    tickers : tuple of str
        The symbols of the request that resolved; the records are mapped to them.
    partial, not_found : tuple of str
        Symbols that resolved on some days only, or on no day.
    limit : int or None
        The most records that the request allowed.
    """

    def __init__(self, path: Path | str) -> None:
        import databento_dbn

        self.path = Path(path)
        self._header = read_header(self.path)
        try:
            # The stubs of databento_dbn call its enumerations int.
            as_is: Any = databento_dbn.VersionUpgradePolicy.AS_IS
            metadata = databento_dbn.Metadata.decode(self._header.raw, upgrade_policy=as_is)
        except databento_dbn.DBNError as error:
            raise BrokenFileError(f"{self.path}: the DBN metadata cannot be decoded: {error}") from error
        self.schema = _supported_schema(self.path, metadata)
        self.version = self._header.version
        self.dataset = str(metadata.dataset)
        self.symbols: tuple[str, ...] = tuple(metadata.symbols)
        self.partial: tuple[str, ...] = tuple(metadata.partial)
        self.not_found: tuple[str, ...] = tuple(metadata.not_found)
        self.limit: int | None = metadata.limit
        self._start_ns = int(metadata.start)
        self._end_ns: int | None = metadata.end
        mappings: Any = metadata.mappings
        symbology = mappings, str(metadata.stype_in), str(metadata.stype_out)
        if not mappings:
            # Batch jobs may leave the mappings to a file beside the data.
            symbology = read_symbology(self.path.with_name(SYMBOLOGY)) or symbology
        self._table = SymbolTable(read_intervals(*symbology, self.path), self.path)
        self.tickers = self._table.symbols

    def __repr__(self) -> str:
        return f"DbnFile({str(self.path)!r}, {self.dataset} {self.schema})"

    def rename(self, target: Path) -> None:
        """Rename the file on its disk."""
        self.path = self.path.rename(target)

    @functools.cached_property
    def record_count(self) -> int:
        """The number of records."""
        return count_records(self.path, self._header, _record_dtype().itemsize)

    @functools.cached_property
    def publishers(self) -> tuple[int, ...]:
        """The ids of all publishers (venues) with a record in the file, ascending."""
        return self._survey[1]

    @property
    def is_limited(self) -> bool:
        """Whether the request's limit cut the response: the file then ends before its range does."""
        return self.limit is not None and self.record_count >= self.limit

    @functools.cached_property
    def range(self) -> TimeRange | None:
        """The range that the file covers, `[start, end)` of bar opens; None if it is empty.

        It is the request's range. Where its end is missing, was not reached because of a limit, or is the last record
        of a part of a split file, the range ends at the last record.
        """
        last_ns, publishers = self._survey
        end_ns = self._end_ns
        if last_ns is None:
            end_ns = self._start_ns if end_ns is None else end_ns
        elif end_ns is None or self.is_limited or last_ns >= end_ns:
            # In a file of several series, others may have a bar of the last time that is in the next part.
            is_single = len(self.tickers) == 1 and len(publishers) == 1
            end_ns = last_ns + (step_us(self.schema) * _NS_PER_US if is_single else 0)
        # Bars open on whole microseconds: with both ends rounded up, every bar stays inside or outside.
        start_us, end_us = -(-self._start_ns // _NS_PER_US), -(-end_ns // _NS_PER_US)
        return TimeRange(start_us, end_us) if start_us < end_us else None

    def symbology(self, ticker: str) -> tuple[SymbolSpan, ...]:
        """Return the instruments of a ticker by date."""
        return self._table.spans_of(ticker)

    def ranges_by_ticker(self) -> dict[str, tuple[TimeRange, ...]]:
        """Return the ranges that the file covers by ticker: `range`, or the days on which a partial symbol resolved.

        Symbols that were not found are left out.
        """
        whole = self.range
        if whole is None:
            return dict.fromkeys(self.tickers, ())
        partial = frozenset(self.partial)
        return {
            ticker: intersect((whole,), self._table.days_of(ticker)) if ticker in partial else (whole,)
            for ticker in self.tickers
        }

    def batches(
        self, tickers: Collection[str] | None = None, *, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Stream the records as batches of `batch_schema()`, in the file's order.

        Undefined prices are NULL, and so are vwap and transactions, which DBN bars do not have. One bar may have
        several rows, one per publisher. With `tickers`, only rows of these are yielded.

        Raises
        ------
        BrokenFileError
            The file is cut (before the first batch), or its records contradict its metadata.
        """
        is_chosen = None
        if tickers is not None:
            is_chosen = np.array([symbol in set(tickers) for symbol in self._table.symbols], dtype=bool)
        for records in self._records(chunk_rows):
            chosen, numbers = self._table.resolve(records["instrument_id"], records["ts_event"])
            if is_chosen is not None:
                keep = is_chosen[numbers]
                chosen, numbers = chosen[keep], numbers[keep]
            if len(chosen):
                yield self._to_batch(records if len(chosen) == len(records) else records[chosen], numbers)

    @functools.cached_property
    def _survey(self) -> tuple[int | None, tuple[int, ...]]:
        """The last ts_event in nanoseconds (None without records), and the publishers."""
        last_ns: int | None = None
        publishers: set[int] = set()
        for records in self._records(CHUNK_ROWS):
            last_ns = max(int(records["ts_event"].max()), last_ns or 0)
            publishers.update(np.flatnonzero(np.bincount(records["publisher_id"])).tolist())
        return last_ns, tuple(sorted(publishers))

    def _records(self, chunk_rows: int) -> Iterator[np.ndarray]:
        """Yield the records in chunks as the client decodes them, after a check that the file is complete."""
        from databento import DBNStore

        expected, seen = self.record_count, 0
        store = DBNStore.from_file(self.path)
        try:
            if expected:
                for records in store.to_ndarray(count=chunk_rows):
                    self._check_records(records, seen)
                    seen += len(records)
                    yield records
        finally:
            store.reader.close()
        if seen != expected:
            raise BrokenFileError(f"{self.path}: changed while it was read: {seen:,} records instead of {expected:,}")

    def _check_records(self, records: np.ndarray, seen: int) -> None:
        import databento_dbn

        schema: Any = databento_dbn.Schema.from_str(self.schema)
        rtype, size = int(databento_dbn.RType.from_schema(schema)), _record_dtype().itemsize
        is_wrong = (records["rtype"] != rtype) | (records["length"] != size // 4)
        is_wrong |= records["ts_event"] == np.uint64(databento_dbn.UNDEF_TIMESTAMP)
        if is_wrong.any():
            at = int(np.flatnonzero(is_wrong)[0])
            one = records[at]
            raise BrokenFileError(
                f"{self.path}: record {seen + at + 1:,} is not a {self.schema} bar: rtype {one['rtype']} (expected "
                f"{rtype}), {int(one['length']) * 4} bytes (expected {size}), ts_event {one['ts_event']}"
            )

    def _to_batch(self, records: np.ndarray, numbers: np.ndarray) -> pa.RecordBatch:
        import databento_dbn
        import pyarrow as pa

        schema = batch_schema()
        count = len(records)
        names = pa.DictionaryArray.from_arrays(numbers.astype(np.int32), pa.array(self._table.symbols, pa.string()))
        columns = {
            "ticker": names.cast(pa.string()),
            "ts_event": (records["ts_event"] // _NS_PER_US).astype(np.int64).view("datetime64[us]"),
            "volume": records["volume"].astype(np.float64),
            "vwap": pa.nulls(count, pa.float64()),
            "transactions": pa.nulls(count, pa.float64()),
            "publisher_id": np.ascontiguousarray(records["publisher_id"]),
        }
        for name in PRICE_COLUMNS:
            is_undefined = records[name] == databento_dbn.UNDEF_PRICE
            columns[name] = pa.array(records[name] / _FIXED_PRICE_UNITS, mask=is_undefined)
        return pa.RecordBatch.from_pydict(columns, schema=schema)


def allows_negative_prices(dataset: str) -> bool:
    """Return whether prices of a dataset may be zero or negative, as those of futures may."""
    return dataset.split(".", maxsplit=1)[0] not in _EQUITY_VENUES


def _supported_schema(path: Path, metadata: Any) -> str:
    supported = f"mtstore stores bars: {', '.join(BAR_SCHEMAS)}"
    if metadata.schema is None:
        raise UnsupportedSchemaError(
            f"{path}: a live recording of mixed records, without symbols in its metadata; {supported} "
            "from Databento's historical and batch files"
        )
    schema = str(metadata.schema)
    if schema not in BAR_SCHEMAS:
        raise UnsupportedSchemaError(f"{path}: DBN of schema {schema!r}; {supported}")
    if metadata.ts_out:
        raise UnsupportedSchemaError(
            f"{path}: records carry the gateway's ts_out; {supported} from Databento's historical and batch files"
        )
    return schema


@functools.cache
def _record_dtype() -> np.dtype[Any]:
    import databento_dbn

    # The layout that the client itself decodes with; DBN's three versions share it for bars.
    return np.dtype(databento_dbn.OHLCVMsg._dtypes)
