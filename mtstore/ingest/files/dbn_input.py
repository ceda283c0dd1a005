"""Databento DBN files as inputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mtstore.bars import SourceBinding
from mtstore.errors import InputError
from mtstore.ingest.files.input_file import Input, RejectedRow
from mtstore.ranges import TimeRange
from mtstore.sources.databento.dbn_file import DbnFile, allows_negative_prices

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class DbnInput(Input):
    """One DBN file; it speaks for its metadata's range, symbol by symbol."""

    file: DbnFile | None = None
    ranges: Mapping[str, tuple[TimeRange, ...]] | None = None

    @classmethod
    def open(cls, path: Path, sha256: str, source: str | None, schema: str | None) -> Self:
        """Look at a file's metadata and verify that it is whole; see `DbnFile` for errors.

        Raises
        ------
        InputError
            Its bars are not those of `schema`.
        """
        file = DbnFile(path)
        if schema is not None and schema != file.schema:
            raise InputError(f"{path}: its bars are {file.schema}, not {schema} as is asked for")
        binding = SourceBinding(source or f"databento-{file.dataset.lower()}", "databento", file.dataset)
        return cls(
            path,
            sha256,
            file.schema,
            binding,
            file.range,
            "UTC",
            may_be_negative=allows_negative_prices(file.dataset),
            may_be_undefined=True,
            file=file,
            ranges=file.ranges_by_ticker(),
        )

    @property
    def batch_key(self) -> tuple[object, ...]:
        return (self.may_be_negative, self._publishers())

    def covers(self, ticker: str, *, has_rows: bool, is_named: bool) -> tuple[TimeRange, ...]:
        del has_rows, is_named
        return (self.ranges or {}).get(ticker, ())

    def speaks_of(self) -> Collection[str]:
        return self.ranges or ()

    def request(self) -> Mapping[str, object]:
        return {"format": "dbn", "publishers": list(self._publishers())}

    def _publishers(self) -> tuple[int, ...]:
        return () if self.file is None else self.file.publishers

    @classmethod
    def read(
        cls, layer: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None
    ) -> Iterator[tuple[pa.Table, list[RejectedRow]]]:
        import pyarrow as pa

        for place in places:
            one = layer[place]
            if not isinstance(one, DbnInput) or one.file is None:
                raise TypeError(f"{one!r} is no DBN file")
            for batch in one.file.batches(tickers):
                yield with_place(pa.table(batch), place), []


def with_place(table: pa.Table, place: int) -> pa.Table:
    """A streamed table as the pipeline takes it: `ts_us` for `ts_event`, and the input's place."""
    import pyarrow as pa

    stamps = table["ts_event"].cast(pa.int64())
    table = table.set_column(table.column_names.index("ts_event"), "ts_us", stamps)
    return table.append_column("file_index", pa.repeat(pa.scalar(place, pa.int32()), table.num_rows))
