"""Databento DBN files as inputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mtstore.bars import SourceBinding
from mtstore.errors import InputError
from mtstore.ingest.files.inputs.input_file import StreamedInput
from mtstore.ranges import TimeRange, iso_instant
from mtstore.sources.databento.dbn_file import DbnFile, allows_negative_prices

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True, kw_only=True)
class DbnInput(StreamedInput):
    """One DBN file; it covers the range in its metadata, symbol by symbol."""

    file: DbnFile
    ranges: Mapping[str, tuple[TimeRange, ...]]

    @classmethod
    def open(cls, path: Path, sha256: str, source: str | None, schema: str | None) -> Self:
        """Read a file's metadata and check that it is whole; see `DbnFile` for errors.

        Raises
        ------
        InputError
            Its bars are not those of `schema`.
        """
        file = DbnFile(path)
        is_cut = file.is_limited and file.range is not None
        if schema is not None and schema != file.schema:
            raise InputError(f"schema: was {schema!r}, but {path} holds {file.schema}; leave schema out")
        return cls(
            path=path,
            sha256=sha256,
            schema=file.schema,
            binding=SourceBinding(source or f"databento-{file.dataset.lower()}", "databento", file.dataset),
            span=file.range,
            day_tz="UTC",
            allows_negative_prices=allows_negative_prices(file.dataset),
            # Of a single publisher, the last bar before the limit is whole, though others of its time may be missing.
            allows_rows_outside=is_cut and len(file.publishers) == 1,
            outside_note=_limit_note(file) if is_cut else "",
            file=file,
            ranges=file.ranges_by_ticker(),
        )

    @property
    def batch_key(self) -> tuple[object, ...]:
        return (self.allows_negative_prices, self.file.publishers, self.outside_note)

    def covered_ranges(self, ticker: str, *, has_rows: bool, is_named: bool) -> tuple[TimeRange, ...]:
        del has_rows, is_named
        return self.ranges.get(ticker, ())

    def named_tickers(self) -> Collection[str]:
        return self.ranges

    def request(self) -> Mapping[str, object]:
        return {"format": "dbn", "publishers": list(self.file.publishers)}

    def tables(self, tickers: Collection[str] | None) -> Iterator[pa.Table]:
        import pyarrow as pa

        for batch in self.file.batches(tickers):
            yield pa.table(batch)


def _limit_note(file: DbnFile) -> str:
    end = file.range.end_us if file.range is not None else 0
    return (
        f": the request's limit of {file.limit} records cut the file, and rows from {iso_instant(end)} may be missing"
    )
