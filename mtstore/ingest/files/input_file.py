"""Input files of all formats as one kind of thing: what a file is, what it covers, and its rows as tables.

The tables have the columns ticker, ts_us, open … transactions and file_index (the input's place in its layer), and,
where a bar may come from several venues, publisher_id.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore.bars import SourceBinding
from mtstore.ranges import TimeRange

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A piece of input that is no row: where it stands (file and line), why, and its ticker where one can be told."""

    file_index: int
    origin: str
    reason: str
    ticker: str | None


@dataclass(slots=True)
class Input(ABC):
    """One file that was recognised.

    Attributes
    ----------
    sha256
        Digest of the file's bytes.
    span
        The hull of what it covers; None where it covers nothing (own files without `covers`).
    may_be_negative
        Whether prices at or below zero are legal (futures).
    may_be_undefined
        Whether prices may be missing (Databento's undefined prices).
    may_exceed
        Whether rows outside of what it covers are legal; they then only add.
    """

    path: Path
    sha256: str
    schema: str
    binding: SourceBinding
    span: TimeRange | None
    day_tz: str
    may_be_negative: bool = False
    may_be_undefined: bool = False
    may_exceed: bool = False

    @property
    def byte_size(self) -> int:
        """The file's size."""
        return self.path.stat().st_size

    @property
    @abstractmethod
    def batch_key(self) -> tuple[object, ...]:
        """Inputs with equal keys can be read together."""

    @abstractmethod
    def covers(self, ticker: str, *, has_rows: bool, is_named: bool) -> tuple[TimeRange, ...]:
        """What the file says about a ticker, of which it may have rows, and which the caller may have asked for."""

    def allows_negative(self, ticker: str) -> bool:
        """Whether a ticker's prices may be zero or negative."""
        del ticker
        return self.may_be_negative

    def speaks_of(self) -> Collection[str]:
        """The tickers that the file itself names, whether or not it has rows of them."""
        return ()

    @abstractmethod
    def request(self) -> Mapping[str, object]:
        """The parameters that decide what the file holds."""

    @classmethod
    @abstractmethod
    def read(
        cls, layer: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None
    ) -> Iterator[tuple[pa.Table, list[RejectedRow]]]:
        """The rows of some inputs of a layer (by place), in order.

        Raises
        ------
        BrokenFileError
            One of them cannot be read to its end.
        """

    @classmethod
    def lots(cls, layer: Sequence[Input]) -> Iterator[list[int]]:
        """The layer's places in lots that are read at once; one by one unless the format knows better."""
        for place in range(len(layer)):
            yield [place]

    def locate(self, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The line numbers of some rows (ticker, ts_us), where the format has lines."""
        del rows
        return {}


def sha256_of(path: Path) -> str:
    """The digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
