"""Stream custom parquet and CSV files, and frames in memory, as the same batches as vendors' files."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import numpy as np

from mtstore.arguments import did_you_mean
from mtstore.bars import PRICE_COLUMNS
from mtstore.errors import BrokenFileError, InputError
from mtstore.sources.batch_schema import CHUNK_ROWS, batch_schema
from mtstore.sources.custom.column_mapping import COLUMNS, FILE_COLUMNS, OPTIONAL_COLUMNS, ColumnMapping
from mtstore.sources.custom.parse_mapping import parse_mapping, read_mapping
from mtstore.sources.custom.parse_values import to_instants, to_numbers, to_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ColumnMapping", "CustomFile", "CustomFormat", "parse_mapping", "read_mapping", "table_batches"]

CustomFormat = Literal["parquet", "csv"]
_GZIP_MAGIC = b"\x1f\x8b"


class CustomFile:
    """One parquet or CSV file (gzipped or not) and its mapping.

    Parameters
    ----------
    path
        The file.
    mapping
        The meaning of its columns.
    file_format
        `parquet` or `csv`.

    Raises
    ------
    BrokenFileError
        The file has another format or is truncated, or a mapped column is missing.
    """

    def __init__(self, path: Path | str, mapping: ColumnMapping, file_format: CustomFormat) -> None:
        if file_format not in ("parquet", "csv"):
            raise InputError(f"file_format: was {file_format!r}; use parquet or csv")
        self.path = Path(path)
        self.mapping = mapping
        self.format = file_format
        self.schema = mapping.schema
        self.day_tz = mapping.day_tz
        names = self._csv_header() if file_format == "csv" else self._parquet_names()
        self._columns = _present_columns(names, mapping, str(self.path))

    def batches(
        self, tickers: Collection[str] | None = None, *, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Stream the rows as batches of `batch_schema()` (publisher_id is NULL), in the file's order.

        Raises
        ------
        BrokenFileError
            The file is truncated, or a value cannot be read; the error names the row, counted from 1 without the
            header. Earlier batches have been yielded by then.
        """
        for batch, _ in self._numbered(tickers, chunk_rows):
            yield batch

    def locate(self, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Return the numbers of rows (ticker, ts_event in microseconds), counted from 1 without the header.

        The first of several rows with one key counts. Reads the file once more.
        """
        wanted = set(rows)
        stamps = np.array(sorted({ts_us for _, ts_us in wanted}), dtype=np.int64)
        found: dict[tuple[str, int], int] = {}
        for batch, numbers in self._numbered(sorted({ticker for ticker, _ in wanted}), CHUNK_ROWS):
            moments = batch["ts_event"].to_numpy(zero_copy_only=False).astype("datetime64[us]").astype(np.int64)
            for at in np.flatnonzero(np.isin(moments, stamps)).tolist():
                key = (batch["ticker"][at].as_py(), int(moments[at]))
                if key in wanted:
                    found.setdefault(key, int(numbers[at]))
        return found

    def _numbered(
        self, tickers: Collection[str] | None, chunk_rows: int
    ) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        chunks = self._csv_chunks(chunk_rows) if self.format == "csv" else self._parquet_chunks(chunk_rows)
        yield from _converted(chunks, self._columns, self.mapping, str(self.path), tickers)

    # ---- CSV ---------------------------------------------------------------------------------------------------

    def _open_text(self) -> BinaryIO:
        with self.path.open("rb") as stream:
            is_gzip = stream.read(2) == _GZIP_MAGIC
        return cast(BinaryIO, gzip.open(self.path, "rb")) if is_gzip else self.path.open("rb")

    def _csv_header(self) -> list[str]:
        with _named_errors(self.path), self._open_text() as stream:
            first = stream.readline(1 << 20)
        if not first.strip():
            raise BrokenFileError(f"{self.path}: the file has no header line")
        try:
            line = first.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BrokenFileError(f"{self.path}: the header is not UTF-8: {error.reason}") from error
        return next(csv.reader(io.StringIO(line), delimiter=self.mapping.delimiter))

    def _csv_chunks(self, chunk_rows: int) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from pyarrow import csv as pa_csv

        theirs = list(self._columns.values())
        # All columns are read as text, so that no ticker becomes a number and no type is guessed.
        convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(theirs, pa.string()),
            include_columns=theirs,
            strings_can_be_null=False,
        )
        parse = pa_csv.ParseOptions(delimiter=self.mapping.delimiter)
        # A line of bars has about 64 bytes; Arrow rejects lines longer than a block.
        read = pa_csv.ReadOptions(block_size=max(64 * chunk_rows, 4_096), use_threads=False)
        with (
            _named_errors(self.path),
            self._open_text() as stream,
            pa_csv.open_csv(stream, read, parse, convert) as reader,
        ):
            yield from reader

    # ---- parquet -----------------------------------------------------------------------------------------------

    def _parquet_names(self) -> list[str]:
        import pyarrow.parquet as pq

        with _named_errors(self.path), pq.ParquetFile(self.path) as file:
            return list(file.schema_arrow.names)

    def _parquet_chunks(self, chunk_rows: int) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq

        with _named_errors(self.path), pq.ParquetFile(self.path) as file:
            yield from file.iter_batches(chunk_rows, columns=list(self._columns.values()))


def table_batches(
    table: Any, mapping: ColumnMapping, *, name: str = "the table", tickers: Collection[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield batches of `batch_schema()` from a pyarrow Table or a pandas DataFrame.

    A DataFrame's index of times is `ts_event`, unless a column has that name. Another index is a column if it has a
    name.
    """
    import pyarrow as pa

    if not isinstance(table, pa.Table):
        table = _frame_to_table(table, mapping)
    columns = _present_columns(table.column_names, mapping, name)
    chunks = table.select(list(columns.values())).to_batches(max_chunksize=CHUNK_ROWS)
    for batch, _ in _converted(chunks, columns, mapping, name, tickers):
        yield batch


def _frame_to_table(frame: Any, mapping: ColumnMapping) -> pa.Table:
    import pandas as pd
    import pyarrow as pa

    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"frame: was a {type(frame).__name__}; use a pyarrow Table or a pandas DataFrame")
    time = mapping.theirs("ts_event")
    if time not in frame.columns and _is_time(frame.index, mapping):
        frame = frame.rename_axis(index=time)
    has_names = any(one is not None for one in frame.index.names)
    return pa.Table.from_pandas(frame.reset_index() if has_names else frame, preserve_index=False)


def _is_time(index: Any, mapping: ColumnMapping) -> bool:
    """Return whether an index has the bars' times: instants, dates, text, or numbers with a time_unit."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        return True
    is_number = pd.api.types.is_numeric_dtype(index.dtype)
    return index.nlevels == 1 and index.name is None and (mapping.time_unit is not None or not is_number)


def _present_columns(names: Sequence[str], mapping: ColumnMapping, origin: str) -> dict[str, str]:
    """Return our names of the present columns and theirs; a missing required column is an error."""
    twice = sorted({name for name in names if names.count(name) > 1 and name in map(mapping.theirs, COLUMNS)})
    if twice:
        raise BrokenFileError(f"{origin}: column {twice[0]!r} occurs {names.count(twice[0])} times")
    present = {}
    for ours in COLUMNS:
        if ours == "ticker" and mapping.ticker is not None:
            continue
        theirs = mapping.theirs(ours)
        if theirs in names:
            present[ours] = theirs
        elif ours not in (*OPTIONAL_COLUMNS, *FILE_COLUMNS) or ours in mapping.columns:
            role = f" for {ours}" if theirs != ours else ""
            hint = did_you_mean(theirs, names)
            raise BrokenFileError(
                f"{origin}: no column {theirs!r}{role}{hint}; its columns are {', '.join(map(repr, names))}"
                f" (a mapping names it: columns: {{{ours}: …}})"
            )
    return present


def _converted(
    chunks: Iterable[pa.RecordBatch],
    columns: dict[str, str],
    mapping: ColumnMapping,
    origin: str,
    tickers: Collection[str] | None,
) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Yield the rows as batches with their numbers, which count from 1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    before = 0
    for chunk in chunks:
        batch = _convert(chunk, columns, mapping, origin, before)
        numbers = np.arange(before + 1, before + len(chunk) + 1)
        before += len(chunk)
        if tickers is not None:
            keep = pc.is_in(batch["ticker"], value_set=pa.array(sorted(tickers), pa.string()))
            batch, numbers = batch.filter(keep), numbers[keep.to_numpy(zero_copy_only=False)]
        if len(batch):
            yield batch, numbers


def _convert(
    chunk: pa.RecordBatch, columns: dict[str, str], mapping: ColumnMapping, origin: str, before: int
) -> pa.RecordBatch:
    import pyarrow as pa

    count = len(chunk)

    def place(at: int) -> str:
        return f"{origin}, row {before + at + 1:,}"

    def numbers(ours: str, kind: pa.DataType) -> pa.Array:
        if ours not in columns:
            return pa.nulls(count, kind)
        return to_numbers(chunk[columns[ours]], columns[ours], kind, mapping, place)

    stamps = to_instants(chunk[columns["ts_event"]], mapping, place) if count else np.empty(0, np.int64)
    arrays: dict[str, Any] = {
        "ticker": _tickers(chunk, columns, mapping, place),
        "ts_event": pa.array(stamps.view("datetime64[us]"), pa.timestamp("us", tz="UTC")),
        "vwap": numbers("vwap", pa.float64()),
        "transactions": numbers("transactions", pa.float64()),
        "publisher_id": pa.nulls(count, pa.uint16()),
    }
    for ours in (*PRICE_COLUMNS, "volume"):
        arrays[ours] = numbers(ours, pa.float64())
    schema = batch_schema()
    return pa.RecordBatch.from_arrays([arrays[field.name] for field in schema], schema=schema)


def _tickers(chunk: pa.RecordBatch, columns: dict[str, str], mapping: ColumnMapping, place: Any) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if mapping.ticker is not None:
        return pa.repeat(pa.scalar(mapping.ticker, pa.string()), len(chunk))
    name = columns["ticker"]
    texts = pc.utf8_trim_whitespace(to_text(chunk[name], name, place))
    is_missing = pc.or_kleene(pc.is_null(texts), pc.equal(texts, "")).to_numpy(zero_copy_only=False)
    if is_missing.astype(bool).any():
        raise BrokenFileError(f"{place(int(np.flatnonzero(is_missing)[0]))}: {name!r} has no value")
    return texts


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Map errors of Arrow and gzip about an unreadable file to BrokenFileError."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, EOFError, zlib.error) as error:
        raise BrokenFileError(f"{path}: cannot be read to its end: {error}") from error
    except OSError as error:
        # Arrow and gzip raise it without a number for bad content; the system's own errors pass.
        if error.errno is not None:
            raise
        raise BrokenFileError(f"{path}: cannot be read to its end: {error}") from error
