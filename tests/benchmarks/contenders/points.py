"""Small reads and commits in stores of very many files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.contenders.with_duckdb import statement
from tests.benchmarks.data import partition_tickers
from tests.benchmarks.worker import Job

if TYPE_CHECKING:
    import mtstore

_DAY = date(2023, 1, 3)
_REPEAT = 21
_FEW = 5
_TICKERS = 10
_SPREAD = 50


def load_data(parameters: dict[str, Any]) -> Job:
    """One ticker, one day, aligned."""
    loader, tickers = _loader(parameters)
    loader.load_data(_DAY, _DAY, tickers=[next(tickers)])
    return Job(lambda: loader.load_data(_DAY, _DAY, tickers=[next(tickers)]), repeat=_REPEAT)


def get_ticker_data(parameters: dict[str, Any]) -> Job:
    """One ticker, one day, as rows."""
    loader, tickers = _loader(parameters)
    loader.get_ticker_data(next(tickers), _DAY, _DAY)
    return Job(lambda: loader.get_ticker_data(next(tickers), _DAY, _DAY), repeat=_REPEAT)


def pandas_read(parameters: dict[str, Any]) -> Job:
    """pandas, with the path of the file."""
    import pandas as pd

    folder = (
        Path(parameters["store"]) / f"data/schema=ohlcv-1m/source=polygon/ticker={_ticker(parameters)}/year={_DAY.year}"
    )
    first = pd.Timestamp(_DAY, tz="America/New_York")
    bounds = [("ts_event", ">=", first), ("ts_event", "<", first + pd.Timedelta(1, "D"))]

    def work() -> pd.DataFrame:
        path = max(folder.glob("*.parquet"))  # files that commits of earlier runs have retired lie beside it
        return pd.read_parquet(path, partitioning=None, filters=bounds)

    work()
    return Job(work, repeat=_REPEAT)


def bars_from_store(parameters: dict[str, Any]) -> Job:
    """A plain query on the view `bars`, through `Store.sql`."""
    import mtstore

    store = mtstore.open(parameters["store"])
    query, ticker = statement("plain_bars"), _ticker(parameters)
    store.sql(query, [ticker]).fetchall()
    return Job(lambda: store.sql(query, [ticker]).fetchall(), repeat=_FEW)


def bars_from_client(parameters: dict[str, Any]) -> Job:
    """The same from a plain DuckDB client on the published file."""
    import duckdb

    connection = duckdb.connect(str(Path(parameters["store"]) / "market.duckdb"), read_only=True)
    query, ticker = statement("plain_bars"), _ticker(parameters)
    connection.execute(query, [ticker]).fetchall()
    return Job(lambda: connection.execute(query, [ticker]).fetchall(), repeat=_FEW)


def macro_from_client(parameters: dict[str, Any]) -> Job:
    """`aligned_outer` over ten tickers and a month, from a plain DuckDB client on the published file."""
    import duckdb

    connection = duckdb.connect(str(Path(parameters["store"]) / "market.duckdb"), read_only=True)
    query = statement("ten_tickers_month")
    names = [name for name, _ in zip(partition_tickers(parameters["count"]), range(_TICKERS), strict=False)]

    def work() -> Any:
        return connection.execute(query, {"tickers": names}).fetchnumpy()

    assert len(work()["ticker"]) > 1_000
    return Job(work, repeat=_FEW)


def commit(parameters: dict[str, Any]) -> Job:
    """One ticker's new day through the writer; each run adds one more."""
    import mtstore
    from mtstore.bars import BarBatch, SourceBinding
    from mtstore.ranges import TimeRange
    from mtstore.synthetic import SyntheticMarket

    store = mtstore.open(parameters["store"])
    market = SyntheticMarket(1, extended_hours=False)
    sessions = iter(
        day
        for month in range(2, 13)
        for day in market.clock.sessions_of_month(2023, month).labels.tolist()
        if day > _last_day(store, _ticker(parameters))
    )

    def prepared() -> BarBatch:
        day = next(sessions)
        bars = market.bars(market.tickers[0], day, day)
        span = market.range_us(day, day)
        covers = (TimeRange(span.start_us, span.end_us),)
        return BarBatch(SourceBinding("polygon", "polygon"), "ohlcv-1m", _ticker(parameters), covers, bars, final=True)

    answers = [prepared() for _ in range(_FEW)]

    def work() -> None:
        with store.repository.writer("benchmark") as writer:
            writer.add(answers.pop())

    return Job(work, repeat=_FEW)


def _last_day(store: mtstore.Store, ticker: str) -> date:
    rows = store.sql(statement("last_day"), [ticker]).fetchall()
    found: date = rows[0][0]
    return found if found < date(2023, 11, 1) else _DAY + timedelta(days=0)


def _ticker(parameters: dict[str, Any]) -> str:
    """A ticker in the middle of the store."""
    names = list(partition_tickers(parameters["count"]))
    return names[len(names) // 2]


def _loader(parameters: dict[str, Any]) -> tuple[mtstore.MultiTickerDataLoader, Iterator[str]]:
    """A loader, validating as it does by default, and tickers from all over the store: each read is of another one."""
    import mtstore

    every = list(partition_tickers(parameters["count"]))
    some = every[:: max(len(every) // _SPREAD, 1)]
    config = {"multi_ticker": {"store": parameters["store"], "tickers": {name: {} for name in some}}}
    return mtstore.MultiTickerDataLoader(config), itertools.cycle(some)
