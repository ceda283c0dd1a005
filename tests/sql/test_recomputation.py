"""The macros against pandas: 20 tickers over three months with faults, a half day and a change of clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mtstore.bars import arrow_schema
from mtstore.calendars import session_table

TICKERS = [f"T{number:02d}" for number in range(20)]
FIRST, LAST = "2023-10-02", "2023-12-29"
RANGE = f"start_ts := DATE '{FIRST}', end_ts := DATE '{LAST}'"
VALUES = ["open", "high", "low", "close", "volume", "vwap", "transactions", "bar_count"]
MINUTE = pd.Timedelta(minutes=1)


@dataclass(frozen=True)
class World:
    """The bars as pandas has them, the sessions, and the same bars in a published database."""

    bars: pd.DataFrame
    sessions: pd.DataFrame
    connection: duckdb.DuckDBPyConnection

    def sql(self, statement: str) -> pd.DataFrame:
        return self.connection.execute(statement).df()


@pytest.fixture(scope="module")
def world(new_market: Callable[[], Any]) -> Iterator[World]:
    sessions = session_table("XNYS").to_pandas()
    dates = pd.to_datetime(sessions["session_date"])
    sessions = sessions[(dates >= FIRST) & (dates <= LAST)].reset_index(drop=True)
    market = new_market()
    frames = []
    for number, ticker in enumerate(TICKERS):
        frame = _bars_with_faults(sessions, number)
        market.add_bars(ticker, pa.Table.from_pandas(frame, schema=arrow_schema(), preserve_index=False))
        frames.append(frame.assign(ticker=ticker))
    with market.open() as connection:
        yield World(pd.concat(frames, ignore_index=True), sessions, connection)


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


def _placed(world: World, session: str) -> pd.DataFrame:
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


def _resampled(world: World, minutes: int, session: str) -> pd.DataFrame:
    bars = _placed(world, session)
    step = pd.Timedelta(minutes=minutes)
    bars["label"] = bars["anchor"] + (bars["ts_event"] - bars["anchor"]) // step * step
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


def _by_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(label=frame["ts_event"].dt.tz_convert("UTC")).set_index(["label", "ticker"])


def _assert_equal(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Equal rows in equal order, equal NULLs, numbers to 1e-9."""
    assert found.index.tolist() == wanted.index.tolist()
    for column in wanted.columns:
        left = found[column].astype("float64").to_numpy()
        right = wanted[column].astype("float64").to_numpy()
        np.testing.assert_allclose(left, right, rtol=1e-9, equal_nan=True, err_msg=column)


@pytest.mark.parametrize(
    ("minutes", "session"), [(1, "regular"), (5, "regular"), (60, "regular"), (30, "all"), (7, "all")]
)
def test_resampling(world: World, minutes: int, session: str) -> None:
    statement = f"FROM resampled(NULL, INTERVAL {minutes} MINUTE, session := '{session}', {RANGE})"
    found = _by_label(world.sql(statement))[VALUES]
    _assert_equal(found, _resampled(world, minutes, session).sort_index())


def test_outer(world: World) -> None:
    wanted = _rectangle(_resampled(world, 5, "regular"))
    found = _by_label(world.sql(f"FROM aligned_outer(NULL, '5min', {RANGE})"))
    _assert_equal(found[VALUES], wanted[VALUES].assign(bar_count=wanted["bar_count"].fillna(0)))
    assert found["is_present"].tolist() == wanted["close"].notna().tolist()


def test_inner(world: World) -> None:
    thick = [ticker for number, ticker in enumerate(TICKERS) if number % 3 == 0]
    resampled = _resampled(world, 5, "regular")
    resampled = resampled[resampled.index.get_level_values("ticker").isin(thick)]
    counts = resampled.groupby(level="label").size()
    complete = counts.index[counts == len(thick)]
    wanted = resampled[resampled.index.get_level_values("label").isin(complete)].sort_index()
    assert 0 < len(complete) < len(counts)
    _assert_equal(_by_label(world.sql(f"FROM aligned_inner({thick}, '5min', {RANGE})"))[VALUES], wanted)


@pytest.mark.parametrize("max_age_minutes", [None, 30])
def test_forward_fill(world: World, max_age_minutes: int | None) -> None:
    wanted = _rectangle(_resampled(world, 5, "regular"))
    wide = wanted.unstack("ticker")
    present = wide["bar_count"].notna()
    stamps = pd.DataFrame(np.where(present, np.arange(len(wide))[:, None], np.nan), wide.index, present.columns).ffill()
    labels = wide.index.to_series().dt.tz_localize(None).to_numpy()
    last = stamps.apply(lambda column: pd.Series(labels).reindex(column).to_numpy())
    age = pd.DataFrame({name: labels - last[name].to_numpy() for name in last}, index=wide.index)
    carried = stamps.notna()
    if max_age_minutes is not None:
        carried &= age <= pd.Timedelta(minutes=max_age_minutes)
    columns = {}
    for name in ("open", "high", "low", "close"):
        columns[name] = wide[name].ffill().where(carried)
    for name in ("volume", "transactions"):
        columns[name] = wide[name].where(present, carried.map(lambda is_carried: 0.0 if is_carried else np.nan))
    columns["vwap"] = wide["vwap"]
    filled = pd.concat(columns, axis=1).stack("ticker", future_stack=True).sort_index()
    options = "" if max_age_minutes is None else f"max_age := INTERVAL {max_age_minutes} MINUTE, "
    found = _by_label(world.sql(f"FROM aligned_ffill(NULL, '5min', {options}{RANGE})"))
    _assert_equal(found[list(columns)], filled[list(columns)])


def test_grid(world: World) -> None:
    labels = pd.DatetimeIndex(
        [
            label
            for row in world.sessions.itertuples()
            for label in pd.date_range(row.open_ts, row.close_ts, freq="15min", inclusive="left")
        ]
    )
    index = pd.MultiIndex.from_product([labels, TICKERS], names=["label", "ticker"])
    wanted = _resampled(world, 15, "regular").reindex(index)
    found = _by_label(world.sql(f"FROM aligned_grid(NULL, '15min', {RANGE})"))
    _assert_equal(found[VALUES], wanted.assign(bar_count=wanted["bar_count"].fillna(0)))


def test_gaps(world: World) -> None:
    bars = _placed(world, "regular")
    wanted = []
    for ticker in TICKERS:
        own = bars[bars["ticker"] == ticker]
        for row in world.sessions.itertuples():
            minutes = pd.date_range(row.open_ts, row.close_ts, freq="min", inclusive="left")
            missing = ~minutes.isin(own["ts_event"])
            edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(int), [0]])))
            for start, end in zip(edges[::2], edges[1::2], strict=True):
                if end - start > 5:
                    at_open, at_close = start == 0, end == len(minutes)
                    place = {(True, True): "whole", (True, False): "leading", (False, True): "trailing"}
                    position = place.get((at_open, at_close), "interior")
                    wanted.append((ticker, minutes[start], minutes[end - 1], end - start, position))
    found = world.sql(f"FROM gaps(NULL, 5, {RANGE})")
    columns = ["ticker", "first_missing", "last_missing", "missing_bars", "position"]
    assert list(found[columns].itertuples(index=False, name=None)) == sorted(wanted)
    assert {"whole", "leading", "trailing", "interior"} <= set(found["position"])


@pytest.mark.parametrize(
    ("method", "trailing"), [("standard", None), ("standard", 200), ("robust", None), ("robust", 50)]
)
def test_outliers(world: World, method: str, trailing: int | None) -> None:
    bars = _placed(world, "regular").sort_values(["ticker", "ts_event"])
    bars["log_return"] = np.log(bars["close"]).groupby([bars["ticker"], bars["session_date"]]).diff()
    threshold = 6.0 if method == "robust" else 4.0
    wanted = []
    for ticker, own in bars.dropna(subset="log_return").groupby("ticker"):
        returns = own["log_return"]
        if trailing is None:
            center = pd.Series(returns.median() if method == "robust" else returns.mean(), returns.index)
            deviation = 1.4826 * (returns - center).abs().median() if method == "robust" else returns.std()
            spread, size = pd.Series(deviation, returns.index), pd.Series(len(returns), returns.index)
        else:
            window = returns.shift(1).rolling(trailing, min_periods=1)
            size = window.count()
            center = window.median() if method == "robust" else window.mean()
            if method == "robust":
                spread = 1.4826 * window.apply(lambda past: np.nanmedian(np.abs(past - np.nanmedian(past))), raw=True)
            else:
                spread = window.std()
        score = (returns - center) / spread.where(spread > 0)
        chosen = score.abs() > threshold
        wanted += list(zip([ticker] * chosen.sum(), own["ts_event"][chosen], score[chosen], size[chosen], strict=True))
    options = f"method := '{method}', " + ("" if trailing is None else f"trailing_bars := {trailing}, ")
    found = world.sql(f"FROM outliers(NULL, {threshold}, {options}{RANGE})")
    assert found["ticker"].tolist() == [row[0] for row in wanted]
    assert found["ts_event"].tolist() == [row[1] for row in wanted]
    assert found["sample_size"].tolist() == [int(row[3]) for row in wanted]
    np.testing.assert_allclose(found["z_score"], [row[2] for row in wanted], rtol=1e-6)
    assert wanted


def _rectangle(resampled: pd.DataFrame) -> pd.DataFrame:
    labels = resampled.index.get_level_values("label").unique().sort_values()
    return resampled.reindex(pd.MultiIndex.from_product([labels, TICKERS], names=["label", "ticker"]))
