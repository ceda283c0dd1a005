"""What the cases over the market's bars ask of every engine, and their answers in a form that can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from tests.benchmarks.answers import Part, digest
from tests.benchmarks.data import market_files

if TYPE_CHECKING:
    import pandas as pd

FIELDS = ("open", "high", "low", "close", "volume")
COLUMNS = ("ts_event", *FIELDS)
TZ = "America/New_York"


@dataclass(frozen=True, slots=True)
class Ask:
    """Some tickers of the market over some sessions, the end date included.

    Attributes
    ----------
    store, arctic
        The same bars: mtstore's folder, whose parquet files the other engines read, and ArcticDB's.
    is_cut
        Whether the range is less than the market's, so that rows must be filtered.
    """

    store: Path
    arctic: Path
    tickers: list[str]
    start: str
    end: str
    is_cut: bool

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Self:
        """From a case's parameters."""
        tickers = sorted(market_files(Path(parameters["store"])))[: parameters["tickers"]]
        return cls(
            Path(parameters["store"]),
            Path(parameters["arctic"]),
            tickers,
            parameters["start"],
            parameters["end"],
            parameters["is_cut"],
        )

    def warm_up(self) -> Ask:
        """One ticker and one session: loads libraries and starts threads."""
        day = datetime.fromisoformat(self.end)
        while day.weekday() > 3:
            day -= timedelta(days=1)
        return Ask(self.store, self.arctic, self.tickers[:1], f"{day:%Y-%m-%d}", f"{day:%Y-%m-%d}", is_cut=True)

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The range as half-open instants, in UTC."""
        zone = ZoneInfo(TZ)
        first = datetime.fromisoformat(self.start).replace(tzinfo=zone)
        last = datetime.fromisoformat(self.end).replace(tzinfo=zone) + timedelta(days=1)
        return first.astimezone(UTC), last.astimezone(UTC)

    def files(self) -> dict[str, list[Path]]:
        """By ticker, the files of the years that the range touches."""
        every = market_files(self.store)
        years = range(int(self.start[:4]), int(self.end[:4]) + 1)
        wanted = {f"year={year}" for year in years}
        return {name: [path for path in every[name] if path.parent.name in wanted] for name in self.tickers}


def wide_digest(frame: pd.DataFrame) -> dict[str, Any]:
    """Of a pandas frame with one column `TICKER_field` each, its index aware."""
    return digest(_wide_parts(frame), len(frame))


def frames_digest(frames: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Of pandas frames by ticker."""
    return digest(
        (name, index_us(frame), {field: frame[field].to_numpy() for field in FIELDS}) for name, frame in frames.items()
    )


def index_us(frame: pd.DataFrame) -> Any:
    """The index as µs since the epoch, UTC; one without a zone is taken to be UTC."""
    import pandas as pd

    return pd.DatetimeIndex(frame.index).as_unit("us").asi8


def _wide_parts(frame: pd.DataFrame) -> Iterator[Part]:
    stamps = index_us(frame)
    tickers = dict.fromkeys(str(column).rpartition("_")[0] for column in frame.columns)
    for ticker in tickers:
        yield ticker, stamps, {field: frame[f"{ticker}_{field}"].to_numpy() for field in FIELDS}
