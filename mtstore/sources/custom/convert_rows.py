"""Convert chunks of custom tables to batches of bars, and the rows that cannot be read to rejected lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mtstore.bars import PRICE_COLUMNS
from mtstore.errors import BrokenFileError
from mtstore.sources.batch_schema import batch_schema
from mtstore.sources.custom.find_columns import Block
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.parse_numbers import is_text_type, read_numbers, scaled_prices, without_undefined
from mtstore.sources.custom.parse_times import read_times

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa


class RejectedLine(NamedTuple):
    """A row that cannot be read: its line (or number), the reason with its text, its ticker if known."""

    line: int
    reason: str
    ticker: str | None


@dataclass(slots=True)
class Converted:
    """A batch of `batch_schema()`, the line of each row, and the rows that cannot be read."""

    batch: pa.RecordBatch
    lines: np.ndarray
    rejected: list[RejectedLine] = field(default_factory=list)
    ends_open: bool = False
    has_naive_times: bool = False


@dataclass(frozen=True, slots=True)
class Converter:
    """How the rows of one block are read; `ticker` and `day` come from the file's name or header."""

    block: Block
    mapping: ColumnMapping
    ticker: str | None
    day: date | None = None

    def convert(self, columns: Mapping[int, Any], lines: np.ndarray) -> Converted:
        """Convert a chunk, given as arrays by position."""
        import pyarrow as pa

        count, mapping, found = len(lines), self.mapping, self.block.columns
        faults: dict[int, str] = {}
        tickers = self._tickers(columns, count, faults)
        groups = None
        if self.ticker is None and count:
            groups = tickers.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        numbers = self._numbers(columns, count, faults)
        arrays: dict[str, Any] = {
            name: pa.array(values, pa.float64(), from_pandas=True)
            if values is not None
            else pa.nulls(count, pa.float64())
            for name, values in numbers.items()
        }
        zones = columns[found["tz"][0]].cast(pa.string()) if "tz" in found else None
        stamps, ends_open, is_naive = np.empty(0, np.int64), False, False
        if count:
            times = read_times(_joined(columns, found["ts_event"]), mapping, day=self.day, zones=zones, groups=groups)
            stamps, ends_open, is_naive = times.us, times.ends_open, times.is_naive
            faults = {**faults, **times.faults}
        arrays |= {
            "ticker": tickers,
            "ts_event": pa.array(stamps.view("datetime64[us]"), pa.timestamp("us", tz="UTC")),
            "publisher_id": self._publishers(columns, count),
        }
        schema = batch_schema()
        batch = pa.RecordBatch.from_arrays([arrays[one.name].cast(one.type) for one in schema], schema=schema)
        blank = self._blank_rows(numbers, count, faults)
        if not faults and blank is None:
            return Converted(batch, lines, [], ends_open, is_naive)
        keep = np.ones(count, bool) if blank is None else ~blank
        rejected = []
        for at in sorted(faults):
            if keep[at]:
                rejected.append(RejectedLine(int(lines[at]), faults[at], tickers[at].as_py() or None))
                keep[at] = False
        kept = batch.filter(pa.array(keep))
        return Converted(kept, lines[keep], rejected, ends_open, is_naive)

    def _tickers(self, columns: Mapping[int, Any], count: int, faults: dict[int, str]) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        change = {"upper": pc.utf8_upper, "lower": pc.utf8_lower}.get(self.mapping.ticker_case)
        if self.ticker is not None:
            scalar = pa.scalar(self.ticker, pa.string())
            return pa.repeat(change(scalar) if change is not None else scalar, count)
        column = columns[self.block.columns["ticker"][0]]
        if not is_text_type(column.type) and not pa.types.is_integer(column.type):
            raise BrokenFileError(f"column {self.mapping.theirs('ticker')!r} holds {column.type}, not text")
        texts = pc.fill_null(pc.utf8_trim_whitespace(column.cast(pa.string())), "")
        for at in np.flatnonzero(pc.equal(texts, "").to_numpy(zero_copy_only=False)).tolist():
            faults[at] = "ticker: it has no value"
        return change(texts) if change is not None else texts

    def _numbers(self, columns: Mapping[int, Any], count: int, faults: dict[int, str]) -> dict[str, np.ndarray | None]:
        """Return the value columns as float64, None for those that are absent."""
        read: dict[str, np.ndarray | None] = {}
        are_whole = True
        for ours in (*PRICE_COLUMNS, "volume", "vwap", "transactions"):
            total: np.ndarray | None = None
            for place in self.block.columns.get(ours, ()):
                numbers = read_numbers(columns[place], self.mapping.theirs(ours), self.mapping)
                for at in np.flatnonzero(numbers.is_bad).tolist():
                    faults.setdefault(at, f"{ours}: {str(columns[place][at])!r} is not a number")
                total = numbers.values if total is None else total + numbers.values
                are_whole &= numbers.are_whole or ours not in PRICE_COLUMNS
            read[ours] = total
        self._scale(read, columns, count, are_whole=are_whole)
        return read

    def _scale(
        self, read: dict[str, np.ndarray | None], columns: Mapping[int, Any], count: int, *, are_whole: bool
    ) -> None:
        scale: Any = self.mapping.price_scale
        if scale is None:
            if not (self.block.is_databento and are_whole and count):
                return
            scale = 1e-9
            for name in PRICE_COLUMNS:
                read[name] = without_undefined(_present(read[name]))
        elif isinstance(scale, Mapping):
            names = self._tickers(columns, count, {}).to_pylist()
            scale = np.array([scale.get(name, 1.0) for name in names])
        for name in (*PRICE_COLUMNS, "vwap"):
            values = read[name]
            if values is not None:
                read[name] = scaled_prices(values, scale)

    def _publishers(self, columns: Mapping[int, Any], count: int) -> pa.Array:
        import pyarrow as pa

        if "publisher_id" not in self.block.columns:
            return pa.nulls(count, pa.uint16())
        column = columns[self.block.columns["publisher_id"][0]]
        numbers = read_numbers(column, "publisher_id", self.mapping)
        return pa.array(np.nan_to_num(numbers.values).astype(np.uint16), pa.uint16())

    def _blank_rows(
        self, numbers: Mapping[str, np.ndarray | None], count: int, faults: Mapping[int, str]
    ) -> np.ndarray | None:
        """Return the rows without any value: exports write them for days without trades of one of several tickers."""
        allows = self.block.ticker is not None or self.mapping.null_values != ("",)
        present = [values for name, values in numbers.items() if values is not None]
        if not allows or not count or not present:
            return None
        is_blank = np.logical_and.reduce([np.isnan(values) for values in present])
        is_blank[list(faults)] = False
        return is_blank if is_blank.any() else None


def _joined(columns: Mapping[int, Any], places: tuple[int, ...]) -> Any:
    """Return the column of times; several columns are joined as text by a blank."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(places) == 1:
        return columns[places[0]]
    first, second = columns[places[0]], columns[places[1]]
    if pa.types.is_date(first.type) and pa.types.is_time(second.type):
        days = first.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
        clocks = second.cast(pa.time64("us")).cast(pa.int64())
        total = pc.add(pc.multiply(days, 86_400_000_000), clocks)
        return total.cast(pa.timestamp("us"))
    texts = [pc.utf8_trim_whitespace(columns[place].cast(pa.string())) for place in places]
    return pc.binary_join_element_wise(*texts, " ")


def _present(values: np.ndarray | None) -> np.ndarray:
    return np.empty(0) if values is None else values
