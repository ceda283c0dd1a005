"""ArcticDB on LMDB: `read_batch` with columns, date range and, to resample, its own query builder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.benchmarks.contenders.aligned import FIELDS, Ask, frames_digest, wide_digest
from tests.benchmarks.worker import Job

if TYPE_CHECKING:
    import pandas as pd

_HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def wide_outer(parameters: dict[str, Any]) -> Job:
    """`read_batch`, then pandas side by side."""
    ask = Ask.of(parameters)
    reader = _Reader(ask)
    return Job(lambda: _side_by_side(reader.read(ask)), wide_digest)


def five_minutes(parameters: dict[str, Any]) -> Job:
    """Resampled inside ArcticDB, by ticker."""
    ask = Ask.of(parameters)
    reader = _Reader(ask, "5min")
    return Job(lambda: reader.read(ask), frames_digest)


def daily(parameters: dict[str, Any]) -> Job:
    """Days of UTC, which hold whole regular sessions of New York; labelled by local midnight, side by side."""
    ask = Ask.of(parameters)
    reader = _Reader(ask, "1D")

    def work() -> pd.DataFrame:
        wide = _side_by_side(reader.read(ask))
        wide.index = pd.DatetimeIndex(wide.index).tz_localize("America/New_York")
        return wide

    return Job(work, wide_digest)


class _Reader:
    def __init__(self, ask: Ask, interval: str | None = None) -> None:
        import arcticdb
        import pandas as pd

        self._arctic, self._pandas, self._interval = arcticdb, pd, interval
        self._library = arcticdb.Arctic(f"lmdb://{ask.arctic}?map_size=64GB")["bars"]
        self.read(ask.warm_up())

    def read(self, ask: Ask) -> dict[str, pd.DataFrame]:
        dates = None
        if ask.is_cut:
            first, last = (self._pandas.Timestamp(moment).tz_localize(None) for moment in ask.instants)
            dates = (first, last - self._pandas.Timedelta(1, "us"))
        requests = [self._request(name, dates) for name in ask.tickers]
        items = self._library.read_batch(requests)
        failed = [str(item) for item in items if isinstance(item, self._arctic.DataError)]
        if failed:
            raise RuntimeError(failed[0])
        return {item.symbol: item.data for item in items}

    def _request(self, name: str, dates: Any) -> Any:
        if self._interval is None:
            return self._arctic.ReadRequest(name, columns=list(FIELDS), date_range=dates)
        # The builder's aggregates choose the columns; the two ways of choosing cannot be combined.
        builder = self._arctic.QueryBuilder().resample(self._interval).agg(_HOW)
        return self._arctic.ReadRequest(name, date_range=dates, query_builder=builder)


def _side_by_side(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    wide = pd.concat(frames.values(), axis=1, sort=True)
    # Resampled columns come in an order of ArcticDB's own.
    wide.columns = pd.Index([f"{name}_{field}" for name, frame in frames.items() for field in frame.columns])
    return wide
