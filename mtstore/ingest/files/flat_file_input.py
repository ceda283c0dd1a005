"""Polygon flat files as inputs: read in lots by one DuckDB statement each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mtstore.bars import SourceBinding
from mtstore.ingest.files.input_file import Input, RejectedRow
from mtstore.ranges import TimeRange
from mtstore.sources.polygon import flat_files as flatfiles
from mtstore.sources.polygon.flat_files import FlatFile

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_LOT = 1_500_000


@dataclass(slots=True)
class FlatFileInput(Input):
    """One flat file; it speaks for its exchange day, of the tickers in it and of those that were asked for."""

    file: FlatFile | None = None

    @classmethod
    def open(cls, path: Path, sha256: str, source: str | None, schema: str | None) -> Self:
        """Look at a file; see `flatfiles.open_flat_file` for errors."""
        file = flatfiles.open_flat_file(path, schema)
        binding = SourceBinding(source or flatfiles.BINDING.source, flatfiles.BINDING.provider)
        return cls(path, sha256, file.schema, binding, file.span, file.day_tz, file=file)

    @property
    def batch_key(self) -> tuple[object, ...]:
        return ()

    def covers(self, ticker: str, *, has_rows: bool, is_named: bool) -> tuple[TimeRange, ...]:
        del ticker
        return (self.span,) if self.span is not None and (has_rows or is_named) else ()

    def request(self) -> Mapping[str, object]:
        return {"format": "polygon-flatfile"}

    @classmethod
    def lots(cls, layer: Sequence[Input]) -> Iterator[list[int]]:
        files = [_file_of(one) for one in layer]
        place = 0
        for lot in flatfiles.batches(files, ROWS_PER_LOT):
            yield list(range(place, place + len(lot)))
            place += len(lot)

    @classmethod
    def read(
        cls, layer: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None
    ) -> Iterator[tuple[pa.Table, list[RejectedRow]]]:
        import numpy as np
        import pyarrow as pa

        files = [_file_of(layer[place]) for place in places]
        table, rejects = flatfiles.read_flat_files(files, tickers)
        by_path = {str(file.path): place for file, place in zip(files, places, strict=True)}
        rejected = [
            RejectedRow(
                by_path[one.path], f"{one.path}:{one.line}", one.error, _ticker_in(layer[by_path[one.path]], one)
            )
            for one in rejects
        ]
        local = table["file_index"].to_numpy()
        column = table.column_names.index("file_index")
        yield table.set_column(column, "file_index", pa.array(np.asarray(places, np.int32)[local])), rejected

    def locate(self, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return flatfiles.locate_lines(self.path, rows)


def _file_of(one: Input) -> FlatFile:
    if not isinstance(one, FlatFileInput) or one.file is None:
        raise TypeError(f"{one!r} is no flat file")
    return one.file


def _ticker_in(one: Input, reject: flatfiles.Reject) -> str | None:
    """The ticker of a line that is no row, if it has enough fields to tell."""
    fields = reject.text.split(",")
    place = _file_of(one).header.index("ticker")
    return fields[place] or None if place < len(fields) else None
