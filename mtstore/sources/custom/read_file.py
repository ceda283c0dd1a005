"""Stream custom parquet and CSV files, and frames in memory, as the same batches as vendors' files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtstore.bars import VALUE_COLUMNS
from mtstore.errors import BrokenFileError, InputError
from mtstore.sources.batch_schema import CHUNK_ROWS
from mtstore.sources.custom.convert_rows import Converted, Converter, RejectedLine
from mtstore.sources.custom.file_part import Chunk, CustomFormat, FilePart, convert_chunks
from mtstore.sources.custom.find_columns import Block, find_blocks
from mtstore.sources.custom.frame_table import frame_to_table, table_header
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.mapping.parse_mapping import parse_mapping, read_mapping
from mtstore.sources.custom.open_text import archive_members
from mtstore.sources.custom.parse_numbers import are_three_decimals

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ColumnMapping", "CustomFile", "CustomFormat", "parse_mapping", "read_mapping", "table_batches"]

_SAMPLE_ROWS = 1_000


class CustomFile:
    """One parquet or text file (packed or not), or all members of a zip file, and its mapping.

    Attributes
    ----------
    mapping
        The mapping with the width that the file's name or rows say.
    schema, day_tz
        The bars' width, and the zone whose days daily bars are.

    Raises
    ------
    BrokenFileError
        The file has another format or is truncated, or a mapped column is missing.
    """

    def __init__(self, path: Path | str, mapping: ColumnMapping, file_format: CustomFormat) -> None:
        if file_format not in ("parquet", "csv"):
            raise InputError(f"file_format: was {file_format!r}; use parquet or csv")
        self.path = Path(path)
        self.format = file_format
        members: list[str | None] = list(archive_members(self.path)) if file_format == "csv" else []
        self._parts = [FilePart(self.path, member, mapping, file_format) for member in members or [None]]
        schemas = sorted({part.mapping.schema for part in self._parts})
        if len(schemas) > 1:
            raise BrokenFileError(f"{self.path}: its members have several widths: {', '.join(schemas)}")
        self.mapping = self._parts[0].mapping
        self.schema = self.mapping.schema
        self.day_tz = self.mapping.day_tz

    @property
    def columns(self) -> frozenset[str]:
        """Those of our columns that the file has (in all members, for all tickers)."""
        return _common_columns(block for part in self._parts for block in part.blocks)

    @property
    def name_facts(self) -> list[tuple[str | None, str, str]]:
        """What the names of the file and of its members say: tickers, widths and dates."""
        return [(part.ticker, part.mapping.schema, str(part.day)) for part in self._parts]

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that the file's name, its members' or the mapping names."""
        return tuple(dict.fromkeys(part.ticker for part in self._parts if part.ticker is not None))

    def has_doubtful_points(self) -> bool:
        """Return whether points that are read as decimal signs may separate thousands.

        In a file separated by semicolons, its first rows have no number but with three digits after a point.
        """
        signs = (self.mapping.delimiter, self.mapping.decimal, self.mapping.thousands)
        if self.format != "csv" or signs != (";", ".", None):
            return False
        _, columns, _ = next(self._parts[0].chunks(_SAMPLE_ROWS), ([], {}, []))
        block = self._parts[0].blocks[0].columns
        numbers = [columns[place] for name in VALUE_COLUMNS for place in block.get(name, ())]
        return any(len(one) for one in numbers) and all(map(are_three_decimals, numbers))

    def batches(
        self, tickers: Collection[str] | None = None, *, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Stream the rows that can be read as batches of `batch_schema()`, in the file's order; errors: `read`."""
        for found in self.read(tickers, chunk_rows=chunk_rows):
            if len(found.batch):
                yield found.batch

    def read(self, tickers: Collection[str] | None = None, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[Converted]:
        """Stream the rows and, beside them, those that cannot be read, with their lines.

        Raises
        ------
        BrokenFileError
            The file is truncated, or most of its rows cannot be read. Earlier rows have been yielded by then.
        """
        for part in self._parts:
            yield from _select(_without_bad_files(part.read(chunk_rows), part.origin), tickers)

    def locate(self, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Return the lines of rows (ticker, ts_event in microseconds); of a parquet file the number of the row.

        The first of several rows with one key counts. Reads the file once more.
        """
        wanted = set(rows)
        stamps = np.array(sorted({ts_us for _, ts_us in wanted}), dtype=np.int64)
        found: dict[tuple[str, int], int] = {}
        for read in self.read(sorted({ticker for ticker, _ in wanted})):
            moments = read.batch["ts_event"].to_numpy(zero_copy_only=False).astype("datetime64[us]").astype(np.int64)
            for at in np.flatnonzero(np.isin(moments, stamps)).tolist():
                key = (read.batch["ticker"][at].as_py(), int(moments[at]))
                if key in wanted:
                    found.setdefault(key, int(read.lines[at]))
        return found


def table_batches(
    table: Any, mapping: ColumnMapping, *, name: str = "the table", tickers: Collection[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield batches of `batch_schema()` from a pyarrow Table or a pandas DataFrame; see `read_table`."""
    for found in read_table(table, mapping, name=name, tickers=tickers):
        if len(found.batch):
            yield found.batch


def read_table(
    table: Any, mapping: ColumnMapping, *, name: str = "the table", tickers: Collection[str] | None = None
) -> Iterator[Converted]:
    """Read a pyarrow Table or a pandas DataFrame.

    A DataFrame's index of times is `ts_event`, unless a column has that name. Another index is a column if it has a
    name. Columns of two levels, (price, ticker) in either order, are a block per ticker.
    """
    import pyarrow as pa

    header: list[list[str]] | None = None
    if not isinstance(table, pa.Table):
        table, header = frame_to_table(table, mapping)
    blocks = find_blocks(
        header or table_header(table.schema, mapping), mapping, name, has_ticker=mapping.ticker is not None
    )
    converters = [Converter(block, mapping, block.ticker or mapping.ticker) for block in blocks]
    yield from _select(_without_bad_files(convert_chunks(_table_chunks(table), converters, name), name), tickers)


def table_columns(table: Any, mapping: ColumnMapping) -> frozenset[str]:
    """Return those of our columns that a table has (for all tickers)."""
    import pyarrow as pa

    header: list[list[str]] | None = None
    if not isinstance(table, pa.Table):
        table, header = frame_to_table(table.iloc[:1], mapping)
    blocks = find_blocks(header or table_header(table.schema, mapping), mapping, "the table", has_ticker=True)
    return _common_columns(blocks)


def _common_columns(blocks: Iterable[Block]) -> frozenset[str]:
    return frozenset.intersection(*(frozenset(block.columns) for block in blocks))


def _table_chunks(table: pa.Table) -> Iterator[Chunk]:
    before = 0
    for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
        rows = np.arange(before + 1, before + len(batch) + 1)
        before += len(batch)
        yield rows, dict(enumerate(batch.columns)), []


def _without_bad_files(found: Iterable[Converted], origin: str) -> Iterator[Converted]:
    """Pass rows on; raise BrokenFileError at the end if most of them cannot be read."""
    total = bad = 0
    first: RejectedLine | None = None
    for one in found:
        bad += len(one.rejected)
        total += len(one.batch) + len(one.rejected)
        first = first or next(iter(one.rejected), None)
        yield one
    if first is not None and bad * 2 > total:
        raise BrokenFileError(
            f"{origin}: {bad:,} of {total:,} rows cannot be read; the first is row {first.line:,}: {first.reason}"
        )


def _select(found: Iterable[Converted], tickers: Collection[str] | None) -> Iterator[Converted]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for one in found:
        if tickers is not None:
            keep = pc.is_in(one.batch["ticker"], value_set=pa.array(sorted(tickers), pa.string()))
            one.batch, one.lines = one.batch.filter(keep), one.lines[keep.to_numpy(zero_copy_only=False)]
        if len(one.batch) or one.rejected:
            yield one
