"""Twenty tickers over three months with faults, a half day and a change of clocks; in a database and in pandas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from mtstore.bars import arrow_schema
from mtstore.calendars import session_table

TICKERS = [f"T{number:02d}" for number in range(20)]
FIRST, LAST = "2023-10-02", "2023-12-29"
RANGE = f"start_ts := DATE '{FIRST}', end_ts := DATE '{LAST}'"
SEEN_AT = datetime(2024, 1, 2, tzinfo=UTC)
VALUES = ["open", "high", "low", "close", "volume", "vwap", "transactions", "bar_count"]


@dataclass(frozen=True)
class World:
    """The bars, rejected rows and sessions as pandas frames, and the same in a published database."""

    bars: pd.DataFrame
    refused: pd.DataFrame
    sessions: pd.DataFrame
    connection: duckdb.DuckDBPyConnection

    def sql(self, statement: str) -> pd.DataFrame:
        return self.connection.execute(statement).df()


def worlds(market: Any) -> Iterator[World]:
    """Store the world in a market."""
    sessions = session_table("XNYS").to_pandas()
    dates = pd.to_datetime(sessions["session_date"])
    sessions = sessions[(dates >= FIRST) & (dates <= LAST)].reset_index(drop=True)
    frames = []
    for number, ticker in enumerate(TICKERS):
        frame = _bars_with_faults(sessions, number)
        market.add_bars(ticker, pa.Table.from_pandas(frame, schema=arrow_schema(), preserve_index=False))
        frames.append(frame.assign(ticker=ticker))
    bars = pd.concat(frames, ignore_index=True)
    refused = bars.iloc[::997].assign(ts_event=lambda rows: rows["ts_event"] + pd.Timedelta(seconds=30))
    market.quarantine.append(_quarantine(refused))
    with market.open() as connection:
        yield World(bars, refused, sessions, connection)


def _quarantine(refused: pd.DataFrame) -> pa.Table:
    """Return rows as the view `quarantine` shows them."""
    table = pa.Table.from_pandas(refused, schema=arrow_schema(), preserve_index=False)
    said = {
        "source": "polygon",
        "schema": "ohlcv-1m",
        "reason": "between the minutes",
        "origin": "file:7",
        "run_id": "1",
    }
    table = table.append_column("ticker", pa.array(refused["ticker"]))
    for name, value in said.items():
        table = table.append_column(name, pa.array([value] * len(refused)))
    return table.append_column("seen_at", pa.array([SEEN_AT] * len(refused)))


def _bars_with_faults(sessions: pd.DataFrame, number: int) -> pd.DataFrame:
    """Bars from 08:00 to 18:00 local, some missing, with a halt, a late start, a bad print and bars without volume."""
    chance = np.random.default_rng(number)
    local = sessions["open_ts"].dt.tz_convert("America/New_York").dt.normalize()
    minutes = pd.to_timedelta(np.arange(8 * 60, 18 * 60), unit="min")
    # Adding to wall time and then localizing keeps 09:30 at 09:30 on both sides of a change of clocks.
    wall = np.add.outer(local.dt.tz_localize(None).to_numpy(), minutes.to_numpy()).ravel()
    stamps = pd.DatetimeIndex(wall).tz_localize("America/New_York").tz_convert("UTC")
    kept = chance.random(len(stamps)) > [0.02, 0.3, 0.9][number % 3]
    if number % 4 == 1:
        kept &= stamps >= pd.Timestamp("2023-10-20 15:17", tz="UTC")
    if number % 5 == 2:
        kept &= (stamps < pd.Timestamp("2023-11-24 15:00", tz="UTC")) | (
            stamps >= pd.Timestamp("2023-11-24 16:11", tz="UTC")
        )
    stamps = stamps[kept]
    close = 50 * np.exp(np.cumsum(chance.normal(0, 0.0008, len(stamps))))
    if number % 3 == 0:
        close[len(close) // 2] *= 1.2
    opened = close * np.exp(chance.normal(0, 0.0003, len(stamps)))
    volume = np.round(chance.random(len(stamps)) * 1000)
    volume[chance.random(len(stamps)) < 0.05] = 0.0
    vwap = np.where(chance.random(len(stamps)) < 0.99, (opened + close) / 2, np.nan)
    return pd.DataFrame(
        {
            "ts_event": stamps.as_unit("us"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.0001,
            "low": np.minimum(opened, close) * 0.9999,
            "close": close,
            "volume": volume,
            "vwap": vwap,
            "transactions": chance.integers(1, 90, len(stamps)),
        }
    )


def placed(world: World, session: str) -> pd.DataFrame:
    """Each bar with its session date and the instant that its buckets are counted from."""
    bars = world.bars.sort_values("ts_event", kind="stable")
    local = bars["ts_event"].dt.tz_convert("America/New_York")
    bars = bars.assign(session_date=local.dt.tz_localize(None).dt.normalize())
    hours = world.sessions.assign(session_date=pd.to_datetime(world.sessions["session_date"]))
    bars = bars.merge(hours[["session_date", "open_ts", "close_ts"]], on="session_date", how="left", validate="m:1")
    before, after = bars["ts_event"] < bars["open_ts"], bars["ts_event"] >= bars["close_ts"]
    midnight = bars["session_date"].dt.tz_localize("America/New_York").dt.tz_convert("UTC")
    bars["anchor"] = bars["open_ts"].where(~before, midnight).where(~after, bars["close_ts"])
    return bars if session == "all" else bars[~before & ~after]


def resampled(world: World, minutes: int, session: str) -> pd.DataFrame:
    bars = placed(world, session)
    step = pd.Timedelta(minutes=minutes)
    bars["label"] = bars["anchor"] + (bars["ts_event"] - bars["anchor"]).dt.floor(step)
    bars["traded"] = bars["vwap"] * bars["volume"]
    bars["no_vwap"] = bars["vwap"].isna() & (bars["volume"] > 0)
    grouped = bars.sort_values(["ticker", "ts_event"]).groupby(["label", "ticker"])
    frame = grouped.agg(
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
        traded=("traded", "sum"),
        no_vwap=("no_vwap", "any"),
        only_vwap=("vwap", "first"),
        transactions=("transactions", "sum"),
        bar_count=("close", "size"),
    )
    vwap = (frame["traded"] / frame["volume"].where(frame["volume"] > 0)).where(~frame["no_vwap"])
    frame["vwap"] = vwap.where(frame["bar_count"] > 1, frame["only_vwap"])
    return frame[VALUES]
