"""The result of a load: time, memory and completeness, by ticker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from mtstore.arguments import describe_bytes

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.ranges import Ranges


@dataclass(frozen=True, slots=True)
class TickerResult:
    """One ticker's part of a load.

    Attributes
    ----------
    rows
        Buckets in which it has bars.
    seconds
        Time spent on fetching it; stored bars are read for all tickers at once.
    error
        Why bars are missing; None without an error.
    completeness
        `rows` as a share of the load's buckets.
    gaps, outliers
        Numbers that validation found; None where it did not look for them.
    fetched, cached
        Ranges that were fetched for this load, and ranges that were fresh in the store.
    requests, retries
        Numbers sent to vendors; a request shared by several tickers counts for each.
    is_stale
        Whether data older than the cache allows were read, because fetching failed.
    """

    ticker: str
    rows: int
    seconds: float
    error: str | None
    completeness: float
    gaps: int | None
    outliers: int | None
    fetched: Ranges = ()
    cached: Ranges = ()
    requests: int = 0
    retries: int = 0
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of a load; iterates over its `TickerResult`s, and finds them by ticker.

    Attributes
    ----------
    rows, columns
        Shape of the frame, or of all chunks together.
    seconds
        Wall time.
    output_bytes
        Memory of the frame's values, or of the largest chunk's.
    peak_memory_bytes
        Peak memory of the process until the end of the load.
    """

    tickers: tuple[TickerResult, ...]
    rows: int
    columns: int
    seconds: float
    output_bytes: int
    peak_memory_bytes: int

    def __iter__(self) -> Iterator[TickerResult]:
        return iter(self.tickers)

    def __getitem__(self, ticker: str) -> TickerResult:
        for entry in self.tickers:
            if entry.ticker == ticker:
                return entry
        raise KeyError(ticker)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per ticker, indexed by it."""
        import pandas as pd

        names = [one.name for one in fields(TickerResult)]
        rows = [[getattr(entry, name) for name in names] for entry in self.tickers]
        return pd.DataFrame(rows, columns=names).set_index("ticker")

    def __str__(self) -> str:
        incomplete = [entry.ticker for entry in self.tickers if entry.error]
        text = (
            f"{self.rows:,} rows × {self.columns} columns in {self.seconds:.2f} s, "
            f"{describe_bytes(self.output_bytes)}; peak memory {describe_bytes(self.peak_memory_bytes)}"
        )
        return f"{text}; incomplete: {', '.join(incomplete)}" if incomplete else text
