"""Polygon flat files as inputs, read in groups by one DuckDB statement each."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from mtstore.bars import SourceBinding
from mtstore.ingest.files.inputs.input_file import Input, RejectedRow
from mtstore.ranges import TimeRange
from mtstore.sources.polygon import flat_files
from mtstore.sources.polygon.flat_file import FlatFile, open_flat_file

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_STATEMENT = 1_500_000


@dataclass(slots=True, kw_only=True)
class FlatFileInput(Input):
    """One flat file; it covers its day, by ticker, for the tickers in it and for those that the caller selected."""

    file: FlatFile

    @classmethod
    def open(cls, path: Path, sha256: str, source: str | None, schema: str | None) -> Self:
        """Read a file's header; see `open_flat_file` for errors."""
        file = open_flat_file(path, schema)
        return cls(
            path=path,
            sha256=sha256,
            schema=file.schema,
            binding=SourceBinding(source or flat_files.BINDING.source, flat_files.BINDING.provider),
            span=file.span,
            day_tz=file.day_tz,
            allows_negative_prices=file.is_futures,
            allows_rows_outside=file.is_futures,
            file=file,
        )

    @property
    def batch_key(self) -> tuple[object, ...]:
        return (self.file.is_futures, *sorted(flat_files.read_columns(self.file)))

    def covered_ranges(self, ticker: str, *, has_rows: bool, is_named: bool) -> tuple[TimeRange, ...]:
        return self.file.ranges_of(ticker) if has_rows or is_named else ()

    def zone_of(self, ticker: str) -> str:
        return self.file.zone_of(ticker)

    def allows_negative(self, ticker: str) -> bool:
        return self.allows_negative_prices or ticker.startswith("I:")

    def request(self) -> Mapping[str, object]:
        return {"format": "polygon-flatfile"}

    @classmethod
    def read_groups(cls, batch: Sequence[Input]) -> Iterator[list[int]]:
        place = 0
        for group in flat_files.batches([_file_of(one) for one in batch], ROWS_PER_STATEMENT):
            yield list(range(place, place + len(group)))
            place += len(group)

    @classmethod
    def read(
        cls, batch: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None
    ) -> Iterator[tuple[pa.Table, list[RejectedRow]]]:
        import numpy as np
        import pyarrow as pa

        files = {place: _file_of(batch[place]) for place in places}
        table, rejects = flat_files.read_flat_files(list(files.values()), tickers)
        place_of = {str(file.path): place for place, file in files.items()}
        rejected = [
            RejectedRow(
                place_of[one.path], f"{one.path}:{one.line}", one.error, _ticker_in(files[place_of[one.path]], one.text)
            )
            for one in rejects
        ]
        # The statement numbers its own files from 0.
        file_index = pa.array(np.asarray(places, np.int32)[table["file_index"].to_numpy()])
        yield table.set_column(table.column_names.index("file_index"), "file_index", file_index), rejected

    def locate(self, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return flat_files.locate_lines(self.path, rows)


def _file_of(one: Input) -> FlatFile:
    return cast("FlatFileInput", one).file


def _ticker_in(file: FlatFile, line: str) -> str | None:
    fields = next(csv.reader([line]), [])
    place = file.header.index("ticker")
    return fields[place] or None if place < len(fields) else None
