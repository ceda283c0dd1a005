"""Read the beginning of a file as lines, or of a parquet file as texts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mtstore.errors import BrokenFileError
from mtstore.ingest.sniff.guess_times import Kind
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.mapping.parse_mapping import parse_mapping
from mtstore.sources.custom.open_text import archive_members, named_errors, open_text
from mtstore.sources.custom.read_file import CustomFile, CustomFormat

if TYPE_CHECKING:
    import pyarrow as pa

HEAD_BYTES: Final = 1 << 17
_ROWS: Final = 2_000
_NUMBER: Final = re.compile(
    r"[-+−]?\s*[$€£¥]?\s*[.,]?\d[\d.,'’\s]*(?:[eE][-+]?\d+)?\s*(?:[kKmMbBtT][nN]?)?\Z",
)
# Tried in this order; latin-1 reads everything.
_ENCODINGS: Final = ("utf-8", "cp1252", "latin-1")


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a text file; `is_whole` if there are no others."""

    encoding: str | None
    lines: list[str]
    is_whole: bool


@dataclass(slots=True)
class Sample:
    """The first rows of a table.

    `kinds` are types of parquet columns, None for numbers and text; empty for text files.
    """

    names: list[str]
    rows: list[list[str]]
    has_header: bool
    kinds: list[Kind | None] = field(default_factory=list)

    def column(self, place: int) -> list[str]:
        """Return the values of a column that are not empty."""
        return [row[place].strip() for row in self.rows if place < len(row) and row[place].strip()]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file: times (wall times or instants, in microseconds), volumes, and the first ticker."""

    kind: Kind
    wall_us: np.ndarray
    volume: np.ndarray
    ticker: str


def read_head(path: Path, size: int = HEAD_BYTES) -> Head:
    """Read the first lines of a text file, packed or not.

    Raises
    ------
    BrokenFileError
        The file is empty or is not text.
    """
    members = archive_members(path)
    member = members[0] if members else None
    for encoding in _ENCODINGS:
        given = None if encoding == "utf-8" else encoding
        with named_errors(path), open_text(path, member, ColumnMapping("ohlcv-1m", encoding=given)) as stream:
            content = stream.read(size)
            is_whole = not stream.read(1)
        if not content:
            raise BrokenFileError(f"{path}: the file is empty")
        if not is_whole:
            content = content[: content.rfind(b"\n") + 1] or content
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if any(ord(letter) < 32 and letter not in "\t\r\n\f" for letter in text[:4_096]):
            break
        return Head(given, text.splitlines(), is_whole)
    raise BrokenFileError(f"{path}: the content is not text")


def read_parquet_head(path: Path) -> Sample:
    """Read the first rows of a parquet file as texts."""
    import pyarrow.parquet as pq

    with named_errors(path), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        batch = next(file.iter_batches(_ROWS), None)
    kinds = [_kind(one.type) for one in schema]
    columns = [] if batch is None else [[str(value) for value in column.to_pylist()] for column in batch.columns]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Sample(list(schema.names), rows, has_header=True, kinds=kinds)


def _kind(column: pa.DataType) -> Kind | None:
    import pyarrow as pa

    if pa.types.is_timestamp(column):
        return "instant" if column.tz else "naive"
    return "date" if pa.types.is_date(column) else None


def is_number(text: str) -> bool:
    """Return whether a cell is a number, perhaps with the sign of a currency or a suffix such as M."""
    return _NUMBER.match(text.strip()) is not None


def iter_cells(path: Path, tree: dict[str, object], places: tuple[int, ...], most: int) -> Iterator[list[str]]:
    """Yield the cells at `places` of a text file's rows, at most `most`."""
    members = archive_members(path)
    encoding = tree.get("encoding")
    mapping = ColumnMapping("ohlcv-1m", encoding=None if encoding is None else str(encoding))
    with named_errors(path), open_text(path, members[0] if members else None, mapping) as stream:
        lines = io.TextIOWrapper(stream, "utf-8", newline="")
        rows = csv.reader(lines, delimiter=str(tree.get("delimiter", ",")))
        for row in islice(rows, most):
            if len(row) > max(places):
                yield [row[place] for place in places]


def read_times(path: Path, tree: dict[str, Any], file_format: CustomFormat, kind: Kind, most: int = 2_000_000) -> Rows:
    """Read the times of the first rows by the keys of a mapping whose zone is UTC."""
    stamps: list[np.ndarray] = []
    volumes: list[np.ndarray] = []
    ticker = ""
    for part in CustomFile(path, parse_mapping(tree), file_format).read():
        if len(part.batch):
            ticker = ticker or str(part.batch["ticker"][0])
            stamps.append(part.batch["ts_event"].cast("int64").to_numpy())
            volumes.append(part.batch["volume"].to_numpy(zero_copy_only=False))
        if sum(map(len, stamps)) >= most:
            break
    if not stamps:
        return Rows(kind, np.empty(0, np.int64), np.empty(0), ticker)
    return Rows(kind, np.concatenate(stamps), np.concatenate(volumes), ticker)
