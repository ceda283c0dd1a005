"""What a load was like: how long it took, what it weighs, and what each ticker brought."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from mtstore.arguments import describe_bytes
from mtstore.query.table.memory_budget import peak_bytes

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.ranges import Ranges


@dataclass(frozen=True, slots=True)
class TickerReport:
    """One ticker's share of a load.

    Attributes
    ----------
    rows
        Buckets in which it has bars.
    seconds
        Time spent on fetching it from a vendor; what is stored is read for all tickers at once.
    error
        Why it has no bars, or not all; None if nothing is wrong.
    completeness
        `rows` as a share of the load's buckets.
    gaps, outliers
        What the validation found; None where it did not look.
    fetched, cached
        Ranges that a vendor answered for this load, and those that were fresh in the store.
    requests, retries
        What was sent to vendors; requests that several tickers shared count for each of them.
    is_stale
        Whether what is older than the cache allows was served, because it could not be fetched anew.
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
class LoadReport:
    """The last load of a loader.

    Attributes
    ----------
    rows, columns
        Shape of the frame (of all chunks together).
    seconds
        Wall time.
    output_bytes
        Memory of the frame's values (of the largest chunk).
    peak_memory_bytes
        The most memory the process had held by the end of the load.
    """

    tickers: tuple[TickerReport, ...]
    rows: int
    columns: int
    seconds: float
    output_bytes: int
    peak_memory_bytes: int

    def __iter__(self) -> Iterator[TickerReport]:
        return iter(self.tickers)

    def __getitem__(self, ticker: str) -> TickerReport:
        for entry in self.tickers:
            if entry.ticker == ticker:
                return entry
        raise KeyError(ticker)

    def to_pandas(self) -> pd.DataFrame:
        """One row per ticker, indexed by it."""
        import pandas as pd

        names = [one.name for one in fields(TickerReport)]
        rows = [[getattr(entry, name) for name in names] for entry in self.tickers]
        return pd.DataFrame(rows, columns=names).set_index("ticker")

    def __str__(self) -> str:
        lacking = [entry.ticker for entry in self.tickers if entry.error]
        text = (
            f"{self.rows:,} rows × {self.columns} columns in {self.seconds:.2f} s, "
            f"{describe_bytes(self.output_bytes)}; peak memory {describe_bytes(self.peak_memory_bytes)}"
        )
        return f"{text}; not whole: {', '.join(lacking)}" if lacking else text


def report_on_one(ticker: str, frame: pd.DataFrame, seconds: float) -> LoadReport:
    """The report on one ticker's bars as they are: there are no buckets of others that it could lack."""
    return LoadReport(
        (TickerReport(ticker, len(frame), seconds, None, 1.0 if len(frame) else 0.0, None, None),),
        rows=len(frame),
        columns=len(frame.columns),
        seconds=seconds,
        output_bytes=int(frame.memory_usage(index=False).sum()),
        peak_memory_bytes=peak_bytes(),
    )
