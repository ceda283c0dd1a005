"""The `Input` of every format: what a file is, what it covers, and its rows as tables.

The tables have the columns ticker, ts_us, open … transactions and file_index (the input's place in its batch) and,
where a bar may come from several venues, publisher_id.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from mtstore.bars import SourceBinding
from mtstore.infer_calendar import TickerCalendar, guess_calendar
from mtstore.ranges import TimeRange

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A line of a file that cannot be read as a row; `origin` is its file and line."""

    file_index: int
    origin: str
    reason: str
    ticker: str | None


@dataclass(slots=True, kw_only=True)
class Input(ABC):
    """One file whose format is known.

    Attributes
    ----------
    sha256
        Digest of the file's bytes.
    span
        The hull of the ranges it covers; None if that is the time of each ticker's rows (custom files).
    allows_negative_prices
        Whether prices at or below zero are legal (futures).
    allows_own_grid
        Whether bars of an hour and wider may open at one offset from the UTC grid.
    allows_missing_volume
        Whether rows may have no volume beside rows that have one.
    allows_rows_outside
        Whether rows outside of the covered ranges are legal; those add bars and withdraw none.
    outside_note
        Why rows may lie outside of the covered ranges; it follows the reason of a rejected row.
    withdraws
        Whether stored bars in the covered ranges that the file does not have are withdrawn.
    calendars
        The calendars of the store's tickers.
    """

    is_custom: ClassVar[bool] = False
    """Whether it is a custom file or frame: nothing but its rows says what it covers."""

    path: Path
    sha256: str
    schema: str
    binding: SourceBinding
    span: TimeRange | None
    day_tz: str
    allows_negative_prices: bool = False
    allows_missing_volume: bool = False
    allows_own_grid: bool = False
    allows_rows_outside: bool = False
    outside_note: str = ""
    withdraws: bool = True
    calendars: Mapping[str, TickerCalendar] = field(default_factory=dict)

    @property
    def byte_size(self) -> int:
        return self.path.stat().st_size

    @property
    @abstractmethod
    def batch_key(self) -> tuple[object, ...]:
        """Inputs with equal keys can be read together."""

    @abstractmethod
    def covered_ranges(self, ticker: str, *, has_rows: bool, is_named: bool) -> tuple[TimeRange, ...]:
        """Return the ranges that the file covers for a ticker.

        `has_rows`: it has rows of the ticker; `is_named`: the caller selected the ticker by name.
        """

    @abstractmethod
    def request(self) -> Mapping[str, object]:
        """Return the parameters that decide what the file holds."""

    @classmethod
    @abstractmethod
    def read(
        cls, batch: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None
    ) -> Iterator[tuple[pa.Table, list[RejectedRow]]]:
        """Read the rows of some inputs of a batch (by place), in order.

        Raises
        ------
        BrokenFileError
            One of them cannot be read to its end.
        """

    def allows_negative(self, ticker: str) -> bool:
        """Whether a ticker's prices may be zero or negative."""
        del ticker
        return self.allows_negative_prices

    def calendar_of(self, ticker: str) -> TickerCalendar:
        """Return the calendar of a ticker, known or guessed."""
        guess = guess_calendar(ticker, self.binding.provider, self.binding.dataset)
        return self.calendars.get(ticker, guess)

    def zone_of(self, ticker: str) -> str:
        """Return the zone whose days are a ticker's."""
        del ticker
        return self.day_tz

    def named_tickers(self) -> Collection[str]:
        """Return the tickers that the file itself names, with or without rows."""
        return ()

    @classmethod
    def read_groups(cls, batch: Sequence[Input]) -> Iterator[list[int]]:
        """Yield the places of a batch in groups that `read` takes at once."""
        for place in range(len(batch)):
            yield [place]

    def locate(self, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Return the line numbers of some rows (ticker, ts_us), where the format has lines."""
        del rows
        return {}


class StreamedInput(Input):
    """An input whose rows are read file by file."""

    @abstractmethod
    def tables(self, tickers: Collection[str] | None) -> Iterator[pa.Table]:
        """Stream the rows in the file's order, with a column ts_event."""

    @classmethod
    def read(
        cls, batch: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None
    ) -> Iterator[tuple[pa.Table, list[RejectedRow]]]:
        import pyarrow as pa

        for place in places:
            for table in cast("StreamedInput", batch[place]).tables(tickers):
                stamps = table["ts_event"].cast(pa.int64())
                numbered = table.append_column("file_index", pa.repeat(pa.scalar(place, pa.int32()), table.num_rows))
                yield numbered.set_column(table.column_names.index("ts_event"), "ts_us", stamps), []


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
