"""Parquet and CSV files of one's own, and frames in memory, as inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mtstore.bars import SourceBinding
from mtstore.bounds import parse_bounds
from mtstore.errors import InputError
from mtstore.ingest.files.dbn_input import with_place
from mtstore.ingest.files.input_file import Input, RejectedRow
from mtstore.ranges import TimeRange
from mtstore.sources.custom.read_file import ColumnMapping, CustomFile, CustomFormat, table_batches
from mtstore.storage.layout import check_source_name

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.bounds import BoundLike

DEFAULT_SOURCE = "own"
_PROVIDER = "own"


@dataclass(slots=True)
class CustomInput(Input):
    """One file of one's own, or one frame; it speaks for what `covers` says, and only adds without it.

    Attributes
    ----------
    mapping
        How its columns are read.
    file
        The file; None for a frame.
    table
        The frame (a pyarrow Table or a pandas DataFrame); None for a file.
    futures
        The tickers on calendars of futures venues, as the store knows them: their prices may be zero or negative.
    """

    mapping: ColumnMapping | None = None
    file: CustomFile | None = None
    table: Any = None
    futures: frozenset[str] = frozenset()

    @classmethod
    def open(
        cls,
        path: Path,
        sha256: str,
        file_format: CustomFormat,
        *,
        mapping: ColumnMapping | None,
        schema: str | None,
        source: str | None,
        covers: TimeRange | None,
    ) -> Self:
        """Look at a file's columns; see `CustomFile` for errors."""
        mapping = complete_mapping(mapping, schema, str(path))
        file = CustomFile(path, mapping, file_format)
        return cls(
            path,
            sha256,
            file.schema,
            _binding(source),
            covers,
            file.day_tz,
            may_exceed=True,
            mapping=mapping,
            file=file,
        )

    @classmethod
    def of_frame(cls, table: Any, *, mapping: ColumnMapping, source: str | None, covers: TimeRange | None) -> Self:
        """A pyarrow Table or a pandas DataFrame; the rows' digest stands for a file's."""
        name = f"<{type(table).__name__}>"
        digest = hashlib.sha256()
        for batch in table_batches(table, mapping, name=name):
            for column in batch.columns:
                digest.update(repr(column.to_pylist()).encode())
        return cls(
            Path(name),
            digest.hexdigest(),
            mapping.schema,
            _binding(source),
            covers,
            mapping.tz,
            may_exceed=True,
            mapping=mapping,
            table=table,
        )

    @property
    def batch_key(self) -> tuple[object, ...]:
        return (self.mapping,)

    @property
    def byte_size(self) -> int:
        return 0 if self.file is None else self.path.stat().st_size

    def covers(self, ticker: str, *, has_rows: bool, is_named: bool) -> tuple[TimeRange, ...]:
        speaks = has_rows or is_named or ticker in self.speaks_of()
        return (self.span,) if self.span is not None and speaks else ()

    def allows_negative(self, ticker: str) -> bool:
        return ticker in self.futures

    def speaks_of(self) -> Collection[str]:
        return () if self.mapping is None or self.mapping.ticker is None else (self.mapping.ticker,)

    def request(self) -> Mapping[str, object]:
        form = "frame" if self.file is None else self.file.format
        mapping = {} if self.mapping is None else self.mapping.to_request()
        covers = None if self.span is None else [self.span.start_us, self.span.end_us]
        return {"format": form, "mapping": mapping, "covers": covers}

    @classmethod
    def read(
        cls, layer: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None
    ) -> Iterator[tuple[pa.Table, list[RejectedRow]]]:
        import pyarrow as pa

        for place in places:
            one = layer[place]
            if not isinstance(one, CustomInput) or one.mapping is None:
                raise TypeError(f"{one!r} is no file of one's own")
            if one.file is not None:
                batches = one.file.batches(tickers)
            else:
                batches = table_batches(one.table, one.mapping, name=str(one.path), tickers=tickers)
            for batch in batches:
                yield with_place(pa.table(batch).drop_columns(["publisher_id"]), place), []

    def locate(self, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        if self.file is None:
            return {}
        # Rows count from 1 without the header; a CSV's lines count it (a row that spans lines shifts those after it).
        header_lines = 1 if self.file.format == "csv" else 0
        return {key: row + header_lines for key, row in self.file.locate(rows).items()}


def as_covers(covers: TimeRange | tuple[BoundLike, BoundLike] | None) -> TimeRange | None:
    """What is spoken for: a range, or two bounds, of which dates are days of UTC, both included."""
    if covers is None or isinstance(covers, TimeRange):
        return covers
    if not isinstance(covers, tuple | list) or len(covers) != 2:
        raise InputError(f"covers {covers!r}: two dates or instants, like ('2023-01-01', '2023-12-31')")
    return TimeRange(*parse_bounds(*covers).as_utc_days_us())


def complete_mapping(mapping: ColumnMapping | None, schema: str | None, what: str) -> ColumnMapping:
    """The mapping, or the one in which every column is called as ours is.

    Raises
    ------
    InputError
        Neither a mapping nor a schema is given, or they disagree.
    """
    if mapping is None:
        if schema is None:
            raise InputError(
                f"{what}: data of your own need a mapping (--map FILE), or at least a schema (--schema ohlcv-1m) "
                "where its columns are called ticker, ts_event, open, high, low, close, volume"
            )
        return ColumnMapping(schema)
    if schema is not None and schema != mapping.schema:
        raise InputError(f"{what}: schema {schema!r} is asked for, but the mapping says {mapping.schema!r}")
    return mapping


def _binding(source: str | None) -> SourceBinding:
    return SourceBinding(DEFAULT_SOURCE if source is None else check_source_name(source), _PROVIDER)
