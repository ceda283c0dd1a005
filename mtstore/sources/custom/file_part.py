"""Read a file, or a member of a zip file, chunk by chunk: text as cells, parquet as columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mtstore.errors import BrokenFileError
from mtstore.sources.batch_schema import CHUNK_ROWS
from mtstore.sources.custom.convert_rows import Converted, Converter, RejectedLine
from mtstore.sources.custom.find_columns import Block, find_blocks
from mtstore.sources.custom.frame_table import table_header
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.mapping.file_name import NameFacts, name_facts, schema_of_width
from mtstore.sources.custom.open_text import named_errors, open_text

CustomFormat = Literal["parquet", "csv"]
Chunk = tuple[np.ndarray, dict[int, Any], list[RejectedLine]]
"""The rows' lines, the columns by place, and lines that are not rows."""
_MOST_HEADER_BYTES = 1 << 20


class FilePart:
    """A file, or a member of a zip file."""

    def __init__(self, path: Path, member: str | None, mapping: ColumnMapping, file_format: CustomFormat) -> None:
        self.path, self.member, self.format = path, member, file_format
        self.origin = str(path) if member is None else f"{path}/{member}"
        facts = self._name_facts(mapping)
        self.ticker = facts.ticker or mapping.ticker
        self.day = facts.day
        self.width = 0
        header = self._csv_header(mapping) if file_format == "csv" else self._parquet_header(mapping)
        self.blocks = find_blocks(header, mapping, self.origin, has_ticker=self.ticker is not None)
        self.blocks = [self._with_filled_volume(block) for block in self.blocks]
        self.mapping = replace(mapping, schema=mapping.schema or facts.schema or self._schema_in_rows())

    def read(self, chunk_rows: int) -> Iterator[Converted]:
        chunks = self.chunks(chunk_rows)
        converters = [Converter(block, self.mapping, block.ticker or self.ticker, self.day) for block in self.blocks]
        yield from convert_chunks(chunks, converters, self.origin)

    def chunks(self, chunk_rows: int) -> Iterator[Chunk]:
        return self._csv_chunks(chunk_rows) if self.format == "csv" else self._parquet_chunks(chunk_rows)

    def _with_filled_volume(self, block: Block) -> Block:
        """Return the block with the first of the columns `volume: A|B` that is not empty or 0 throughout."""
        for place in (*block.columns.get("volume", ()), *block.others) if block.others else ():
            values = (one for _, columns, _ in self.chunks(CHUNK_ROWS) for one in columns[place].unique().to_pylist())
            if any(str(one).strip(" 0.") not in {"", "None"} for one in values):
                return replace(block, columns=block.columns | {"volume": (place,)}, others=())
        return replace(block, others=())

    def _places(self) -> list[int]:
        """Return the positions of the columns that are read."""
        groups = [group for block in self.blocks for group in (*block.columns.values(), block.others)]
        return sorted({place for group in groups for place in group})

    def _name_facts(self, mapping: ColumnMapping) -> NameFacts:
        if mapping.ticker_from is None:
            return NameFacts()
        try:
            facts = name_facts(mapping.ticker_from, Path(self.origin).absolute().as_posix())
        except ValueError as error:
            raise BrokenFileError(f"{self.origin}: ticker_from: {error}") from error
        if facts is None or (facts.ticker is None and mapping.ticker is None and "ticker" not in mapping.columns):
            raise BrokenFileError(f"{self.origin}: ticker_from: the name does not match {mapping.ticker_from!r}")
        if facts.ticker and mapping.ticker_case != "keep":
            facts = replace(facts, ticker=getattr(facts.ticker, mapping.ticker_case)())
        return facts

    def _schema_in_rows(self) -> str:
        place = self.blocks[0].columns["width"][0]
        first = next(self.chunks(CHUNK_ROWS), None)
        if first is None:
            raise BrokenFileError(f"{self.origin}: it has no rows, so the bars' width is not known; set schema")
        words = {str(one).strip() for one in first[1][place].unique().to_pylist()}
        try:
            schemas = {schema_of_width(word) for word in words}
        except ValueError as error:
            raise BrokenFileError(f"{self.origin}: columns.width: {error}") from error
        if len(schemas) > 1:
            raise BrokenFileError(f"{self.origin}: bars of several widths: {', '.join(sorted(words))}")
        return schemas.pop()

    # ---- text --------------------------------------------------------------------------------------------------

    def _csv_header(self, mapping: ColumnMapping) -> list[list[str]]:
        self._raw = mapping
        with named_errors(self.path), open_text(self.path, self.member, mapping) as stream:
            lines = self._head_lines(stream)
            rows = [_cells(line, mapping.delimiter) for line in lines]
            first = _cells(stream.readline(_MOST_HEADER_BYTES), mapping.delimiter)
        if mapping.header and not any(any(row) for row in rows):
            raise BrokenFileError(f"{self.path}: the file has no header line")
        self.width = max(map(len, [*rows, first]))
        padded = [row + [""] * (self.width - len(row)) for row in rows]
        return padded or [[""] * self.width]

    def _head_lines(self, stream: Any) -> list[bytes]:
        for _ in range(self._raw.skip_lines):
            stream.readline(_MOST_HEADER_BYTES)
        return [stream.readline(_MOST_HEADER_BYTES) for _ in range(self._raw.header)]

    def _csv_chunks(self, chunk_rows: int) -> Iterator[Chunk]:
        import pyarrow as pa
        from pyarrow import csv as pa_csv

        places = self._places()
        names = [f"c{at}" for at in range(self.width)]
        wanted = [names[place] for place in places]
        ragged: list[tuple[int, str]] = []

        def skip(row: Any) -> str:
            text = str(row.text)[:200]
            ragged.append((row.number, f"columns: {row.actual_columns} instead of {self.width}: {text!r}"))
            return "skip"

        # All columns are read as text, so that no ticker becomes a number and no type is guessed.
        convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted, strings_can_be_null=False
        )
        parse = pa_csv.ParseOptions(delimiter=self._raw.delimiter, invalid_row_handler=skip)
        # A line of bars has about 64 bytes; Arrow rejects lines longer than a block.
        read = pa_csv.ReadOptions(block_size=max(64 * chunk_rows, 4_096), use_threads=False, column_names=names)
        with named_errors(self.path), open_text(self.path, self.member, self._raw) as stream:
            self._head_lines(stream)
            if not (first := stream.read(1)):
                return
            before, reported = 0, 0
            head = self._raw.skip_lines + self._raw.header
            with pa_csv.open_csv(_Rest(first, stream), read, parse, convert) as reader:
                for batch in reader:
                    rows = _physical_rows(before, len(batch), [number for number, _ in ragged])
                    before += len(batch)
                    bad = [RejectedLine(head + number, reason, None) for number, reason in ragged[reported:]]
                    reported = len(ragged)
                    yield head + rows, dict(zip(places, batch.columns, strict=True)), bad
                rest = [RejectedLine(head + number, reason, None) for number, reason in ragged[reported:]]
                if rest:
                    yield np.empty(0, np.int64), {place: pa.array([], pa.string()) for place in places}, rest

    # ---- parquet -----------------------------------------------------------------------------------------------

    def _parquet_header(self, mapping: ColumnMapping) -> list[list[str]]:
        import pyarrow.parquet as pq

        with named_errors(self.path), pq.ParquetFile(self.path) as file:
            return table_header(file.schema_arrow, mapping)

    def _parquet_chunks(self, chunk_rows: int) -> Iterator[Chunk]:
        import pyarrow.parquet as pq

        places = self._places()
        with named_errors(self.path), pq.ParquetFile(self.path) as file:
            names = file.schema_arrow.names
            before = 0
            for batch in file.iter_batches(chunk_rows, columns=[names[place] for place in places]):
                rows = np.arange(before + 1, before + len(batch) + 1)
                before += len(batch)
                yield rows, {place: batch[names[place]] for place in places}, []


def convert_chunks(chunks: Iterable[Chunk], converters: Sequence[Converter], origin: str) -> Iterator[Converted]:
    """Convert the rows of chunks, each together with the next one where the order of rows decides a time.

    BrokenFileError: a column has values of another kind; `origin` is named.
    """
    import pyarrow as pa

    held: Chunk | None = None
    iterator = iter(chunks)
    chunk = next(iterator, None)
    while chunk is not None:
        following = next(iterator, None)
        if held is not None:
            columns = {at: pa.concat_arrays([held[1][at], chunk[1][at]]) for at in chunk[1]}
            chunk, held = (np.append(held[0], chunk[0]), columns, held[2] + chunk[2]), None
        try:
            found = [one.convert(chunk[1], chunk[0]) for one in converters]
        except BrokenFileError as error:
            raise BrokenFileError(f"{origin}: {error}") from error
        if following is not None and any(one.ends_open for one in found):
            # The clock goes back here: the order of the next rows tells which of two times these are.
            held = chunk
        else:
            found[0].rejected = sorted(found[0].rejected + chunk[2])
            yield from found
        chunk = following


def _physical_rows(before: int, count: int, skipped: Sequence[int]) -> np.ndarray:
    """Return the rows' numbers among all rows, of which Arrow does not count those that it skips."""
    rows = np.arange(before + 1, before + count + 1)
    kept_before = np.sort(np.array(skipped, dtype=np.int64)) - np.arange(len(skipped))
    return rows + np.searchsorted(kept_before, rows, side="right")


def _cells(line: bytes, delimiter: str) -> list[str]:
    # A carriage return inside of a line ends it, too.
    text = io.StringIO(line.decode("utf-8").rstrip("\r\n"), newline=None)
    return next(csv.reader(text, delimiter=delimiter), [])


class _Rest(io.RawIOBase):
    """The rest of a stream, of which the first byte was read."""

    def __init__(self, first: bytes, stream: Any) -> None:
        self._first, self._stream = first, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        first, self._first = self._first, b""
        rest: bytes = self._stream.read(size if size < 0 else max(size - len(first), 0))
        return first + rest
