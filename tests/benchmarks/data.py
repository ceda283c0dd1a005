"""The benchmarks' data, made once: a market's store, its bars in ArcticDB, stores of many partitions, flat files.

Each maker runs in a process of its own, unless its data lies there already; the folder's name says what it holds.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.scales import Scale

if TYPE_CHECKING:
    import pyarrow as pa

_TICKERS_AT_ONCE = 10
_PARTITION_YEARS = tuple(range(2019, 2024))
_POPULAR = 10
_US_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Data:
    """The folder of the data of one scale."""

    root: Path
    scale: Scale

    @property
    def market(self) -> Path:
        return self.root / f"market-{self._market_name}"

    @property
    def growth_market(self) -> Path:
        return self.root / f"market-{self._growth_name}"

    @property
    def arctic(self) -> Path:
        return self.root / f"arctic-{self._market_name}"

    @property
    def partitions(self) -> Path:
        return self.root / f"partitions-{self.scale.partitions}"

    @property
    def many_partitions(self) -> Path:
        return self.root / f"partitions-{self.scale.many_partitions}"

    @property
    def ingest_files(self) -> Path:
        return self.root / f"flatfiles-{self.scale.ingest_days}x{self.scale.ingest_tickers}"

    @property
    def update_files(self) -> Path:
        return self.root / f"flatfiles-{self.scale.update_days}x{self.scale.update_tickers}"

    @property
    def _market_name(self) -> str:
        return f"{self.scale.tickers}x{self.scale.start}..{self.scale.end}"

    @property
    def _growth_name(self) -> str:
        return f"{max(self.scale.growth)}x{self.scale.start}..{self.scale.end}"

    def maker(self, name: str) -> tuple[Path, str, dict[str, Any]]:
        """The folder of a data set, the function that makes it and that function's parameters."""
        scale = asdict(self.scale)
        makers: dict[str, tuple[Path, Callable[[dict[str, Any]], None], dict[str, Any]]] = {
            "market": (self.market, make_market, scale),
            "growth_market": (self.growth_market, make_market, scale | {"tickers": max(self.scale.growth)}),
            "arctic": (self.arctic, make_arctic, {"market": str(self.market)}),
            "partitions": (self.partitions, make_partitions, {"count": self.scale.partitions}),
            "many_partitions": (self.many_partitions, make_partitions, {"count": self.scale.many_partitions}),
            "ingest_files": (
                self.ingest_files,
                make_flat_files,
                {"days": self.scale.ingest_days, "tickers": self.scale.ingest_tickers},
            ),
            "update_files": (
                self.update_files,
                make_flat_files,
                {"days": self.scale.update_days, "tickers": self.scale.update_tickers},
            ),
        }
        folder, function, parameters = makers[name]
        return folder, f"{function.__module__}:{function.__name__}", parameters | {"folder": str(folder)}


def is_made(folder: Path) -> bool:
    """Whether a maker went through to its end."""
    return _marker(folder).exists()


def mark_made(folder: Path) -> None:
    """Note that a maker went through to its end."""
    _marker(folder).touch()


def clear(folder: Path) -> None:
    """Remove what an interrupted maker left."""
    shutil.rmtree(folder, ignore_errors=True)


def market_files(store: Path) -> dict[str, list[Path]]:
    """By ticker, the parquet files of the market's store in time order: what the other engines read."""
    found: dict[str, list[Path]] = {}
    for path in sorted(store.glob("data/schema=ohlcv-1m/source=*/ticker=*/year=*/*.parquet")):
        found.setdefault(path.parent.parent.name.removeprefix("ticker="), []).append(path)
    return found


def make_market(parameters: dict[str, Any]) -> None:
    """The market's store, through the ingest of frames, some tickers at a time."""
    import pyarrow as pa

    import mtstore
    from mtstore.synthetic import SyntheticMarket

    market = SyntheticMarket(parameters["tickers"], extended_hours=False)
    start, end = parameters["start"], parameters["end"]
    with mtstore.open(parameters["folder"], create=True) as store:
        for first in range(0, len(market.tickers), _TICKERS_AT_ONCE):
            names = market.tickers[first : first + _TICKERS_AT_ONCE]
            tables = [_named(market.bars(name, start, end), name) for name in names]
            report = store.ingest(pa.concat_tables(tables), schema="ohlcv-1m", covers=(_date(start), _date(end)))
            assert report.is_complete, report
        store.compact()


def make_arctic(parameters: dict[str, Any]) -> None:
    """The same bars in an ArcticDB library, one symbol per ticker."""
    import arcticdb
    import pandas as pd

    folder = Path(parameters["folder"])
    folder.mkdir(parents=True)
    library = arcticdb.Arctic(f"lmdb://{folder}?map_size=64GB").create_library("bars")
    for ticker, paths in market_files(Path(parameters["market"])).items():
        frame = pd.concat([pd.read_parquet(path, partitioning=None) for path in paths]).set_index("ts_event")
        frame.index = pd.DatetimeIndex(frame.index).tz_localize(None).astype("datetime64[ns]")
        library.write(ticker, frame)


def make_partitions(parameters: dict[str, Any]) -> None:
    """A store of many small partitions: five years a ticker, a day of bars in each, January 2023 whole for a few."""
    import mtstore
    from mtstore.bars import BarBatch, SourceBinding
    from mtstore.ranges import TimeRange
    from mtstore.synthetic import SyntheticMarket

    market = SyntheticMarket(1, extended_hours=False)
    name = market.tickers[0]
    days = [market.bars(name, f"{year}-01-03", f"{year}-01-03") for year in _PARTITION_YEARS]
    month = [market.bars(name, f"{year}-01-01", f"{year}-01-31") for year in _PARTITION_YEARS]
    covers = TimeRange(_us(date(_PARTITION_YEARS[0], 1, 1)), _us(date(_PARTITION_YEARS[-1] + 1, 1, 1)))
    with mtstore.open(parameters["folder"], create=True) as store, store.repository.writer("benchmark") as writer:
        for number, ticker in enumerate(partition_tickers(parameters["count"])):
            bars = _joined(month if number < _POPULAR else days)
            writer.add(BarBatch(SourceBinding("polygon", "polygon"), "ohlcv-1m", ticker, (covers,), bars, final=True))


def partition_tickers(partitions: int) -> Iterator[str]:
    """The tickers of a store of so many partitions; the first ten have the most bars."""
    return (f"T{number:05d}" for number in range(-(-partitions // len(_PARTITION_YEARS))))


def make_flat_files(parameters: dict[str, Any]) -> None:
    """Polygon flat files of so many sessions from 2023-01-03 on, regular hours."""
    from mtstore.synthetic import SyntheticMarket, write_flat_files

    market = SyntheticMarket(parameters["tickers"], extended_hours=False)
    days: list[date] = []
    for number in range(60):
        year, month = 2023 + number // 12, number % 12 + 1
        days += market.clock.sessions_of_month(year, month).labels.tolist()
    last = days[parameters["days"] - 1]
    write_flat_files(market, Path(parameters["folder"]), days[0], last)


def flat_files(folder: Path) -> list[Path]:
    """The flat files of a folder, in order of days."""
    return sorted(folder.glob("us_stocks_sip/minute_aggs_v1/*/*/*.csv.gz"))


def _marker(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.made")


def _named(table: pa.Table, ticker: str) -> pa.Table:
    import pyarrow as pa

    return table.append_column("ticker", pa.repeat(pa.scalar(ticker), table.num_rows))


def _joined(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables)


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _us(day: date) -> int:
    return (day - date(1970, 1, 1)).days * _US_PER_DAY
