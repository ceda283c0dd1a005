"""The macros against pandas: 20 tickers over three months with faults, a half day and a change of clocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.kits.faulty_market import RANGE, TICKERS, VALUES, World, placed, resampled


def _by_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(label=frame["ts_event"].dt.tz_convert("UTC")).set_index(["label", "ticker"])


def _assert_equal(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Equal rows in equal order, equal NULLs, numbers to 1e-9."""
    assert found.index.tolist() == wanted.index.tolist()
    for column in wanted.columns:
        left = found[column].astype("float64").to_numpy()
        right = wanted[column].astype("float64").to_numpy()
        np.testing.assert_allclose(left, right, rtol=1e-9, equal_nan=True, err_msg=column)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("minutes", "session"), [(1, "regular"), (5, "regular"), (60, "regular"), (30, "all"), (7, "all")]
)
def test_resampling(world: World, minutes: int, session: str) -> None:
    statement = f"FROM resampled(NULL, INTERVAL {minutes} MINUTE, session := '{session}', {RANGE})"
    found = _by_label(world.sql(statement))[VALUES]
    _assert_equal(found, resampled(world, minutes, session).sort_index())


@pytest.mark.sampled(6)
@pytest.mark.parametrize("session", ["regular", "all"])
@pytest.mark.parametrize("tz", ["America/New_York", "UTC", "Asia/Tokyo", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize(("interval", "unit"), [("1d", "D"), ("1w", "W-SUN"), ("1mo", "M")])
def test_a_day_is_over_when_its_last_bar_is(world: World, interval: str, unit: str, tz: str, session: str) -> None:
    bars = placed(world, session)
    bars["period"] = bars["session_date"].dt.to_period(unit)
    known_at = bars.groupby(["period", "ticker"])["ts_event"].max() + pd.Timedelta(minutes=1)
    found = world.sql(f"FROM resampled(NULL, '{interval}', session := '{session}', tz := '{tz}')")
    found["period"] = found["session_date"].dt.to_period(unit)
    closes = found.set_index(["period", "ticker"])["ts_close"]
    assert len(closes) == len(known_at)
    assert (closes >= known_at.reindex(closes.index)).all()


def test_outer(world: World) -> None:
    wanted = _rectangle(resampled(world, 5, "regular"))
    found = _by_label(world.sql(f"FROM aligned_outer(NULL, '5min', {RANGE})"))
    _assert_equal(found[VALUES], wanted[VALUES].assign(bar_count=wanted["bar_count"].fillna(0)))
    assert found["is_present"].tolist() == wanted["close"].notna().tolist()


def test_inner(world: World) -> None:
    thick = [ticker for number, ticker in enumerate(TICKERS) if number % 3 == 0]
    every = resampled(world, 5, "regular")
    every = every[every.index.get_level_values("ticker").isin(thick)]
    counts = every.groupby(level="label").size()
    complete = counts.index[counts == len(thick)]
    wanted = every[every.index.get_level_values("label").isin(complete)].sort_index()
    assert 0 < len(complete) < len(counts)
    _assert_equal(_by_label(world.sql(f"FROM aligned_inner({thick}, '5min', {RANGE})"))[VALUES], wanted)


@pytest.mark.parametrize("max_age_minutes", [None, 30])
def test_forward_fill(world: World, max_age_minutes: int | None) -> None:
    wanted = _rectangle(resampled(world, 5, "regular"))
    wide: Any = wanted.unstack("ticker")  # two levels of columns, which the stubs do not know
    present = wide["bar_count"].notna()
    rows = np.where(present, np.arange(len(wide))[:, None], np.nan)
    stamps = pd.DataFrame(rows, wide.index, columns=wide["bar_count"].columns).ffill()
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
    labels = pd.DatetimeIndex([label for row in world.sessions.itertuples() for label in _steps(row, "15min")])
    index = pd.MultiIndex.from_product([labels, TICKERS], names=["label", "ticker"])
    wanted = resampled(world, 15, "regular").reindex(index)
    found = _by_label(world.sql(f"FROM aligned_grid(NULL, '15min', {RANGE})"))
    _assert_equal(found[VALUES], wanted.assign(bar_count=wanted["bar_count"].fillna(0)))


def test_gaps(world: World) -> None:
    bars = placed(world, "regular")
    wanted = []
    for ticker in TICKERS:
        own = bars[bars["ticker"] == ticker]
        for row in world.sessions.itertuples():
            minutes = _steps(row, "min")
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


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("method", "trailing"), [("standard", None), ("standard", 200), ("robust", None), ("robust", 50)]
)
def test_outliers(world: World, method: str, trailing: int | None) -> None:
    bars = placed(world, "regular").sort_values(["ticker", "ts_event"])
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
            window = returns.shift(1).rolling(trailing)
            size = window.count()
            center = window.median() if method == "robust" else window.mean()
            spread = _rolling_deviation(returns, trailing) if method == "robust" else window.std()
        score = (returns - center) / spread.where(spread > 0)
        chosen = score.abs() > threshold
        wanted += list(zip([ticker] * chosen.sum(), own["ts_event"][chosen], score[chosen], size[chosen], strict=True))
    options = f"method := '{method}', " + ("" if trailing is None else f"trailing_bars := {trailing}, ")
    found = world.sql(f"FROM outliers(NULL, {threshold}, {options}{RANGE})")
    assert found["ticker"].tolist() == [row[0] for row in wanted]
    assert found["ts_event"].tolist() == [row[1] for row in wanted]
    assert found["sample_size"].tolist() == [int(row[3]) for row in wanted]
    np.testing.assert_allclose(found["z_score"], [row[2] for row in wanted], rtol=1e-9)
    assert wanted


def _rolling_deviation(returns: pd.Series, length: int) -> pd.Series:
    """Return the scaled median deviation of the `length` returns before each; NaN where there are fewer."""
    padded = np.concatenate([np.full(length, np.nan), returns.to_numpy()[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)
    deviations = np.abs(windows - np.median(windows, axis=1)[:, None])
    return pd.Series(1.4826 * np.median(deviations, axis=1), returns.index)


def test_quality(world: World) -> None:
    everything, regular = placed(world, "all"), placed(world, "regular")
    sessions = [day.date() for day in pd.to_datetime(world.sessions["session_date"])]
    index = pd.MultiIndex.from_product([TICKERS, sessions], names=["ticker", "session_date"])
    keys = ["ticker", "session_date"]
    for bars in (everything, regular):
        bars["session_date"] = bars["session_date"].dt.date
    regular = regular.sort_values(["ticker", "ts_event"])
    returns = np.log(regular["close"]).groupby([regular["ticker"], regular["session_date"]]).diff()
    by_session = returns.groupby([regular["ticker"], regular["session_date"]])
    regular["outlier"] = (returns - by_session.transform("mean")).abs() > 4 * by_session.transform("std")
    own = regular.groupby(keys)
    wanted = pd.DataFrame(index=index)
    length = (world.sessions["close_ts"] - world.sessions["open_ts"]).dt.total_seconds() // 60
    wanted["expected_bars"] = np.tile(length.to_numpy(), len(TICKERS))
    wanted["present_bars"] = own.size()
    wanted["zero_volume_bars"] = regular[regular["volume"] == 0].groupby(keys).size()
    wanted["off_session_bars"] = everything.groupby(keys).size().sub(own.size(), fill_value=0)
    wanted["outlier_count"] = regular[regular["outlier"]].groupby(keys).size()
    refused = world.refused.assign(session_date=world.refused["ts_event"].dt.tz_convert("America/New_York").dt.date)
    wanted["quarantined_rows"] = refused.groupby(keys).size()
    wanted = wanted.fillna(0)
    wanted["completeness"] = wanted["present_bars"] / wanted["expected_bars"]
    runs = world.sql(f"FROM gaps(NULL, 0.5, {RANGE})")  # compared with pandas above
    runs["session_date"] = runs["session_date"].dt.date
    wanted["gap_count"] = runs[runs["missing_bars"] > 5].groupby(keys).size()
    wanted["longest_gap_minutes"] = runs.groupby(keys)["missing_bars"].max()
    wanted = wanted.fillna(0)
    wanted["first_bar"], wanted["last_bar"] = own["ts_event"].min(), own["ts_event"].max()
    found = world.sql(f"FROM quality(NULL, 5, std_threshold := 4, {RANGE})")
    found["session_date"] = found["session_date"].dt.date
    found = found.set_index(keys)
    assert found.index.tolist() == wanted.index.tolist()
    for column in wanted.columns:
        pd.testing.assert_series_equal(found[column], wanted[column], check_dtype=False)
    assert (
        wanted[["zero_volume_bars", "off_session_bars", "outlier_count", "quarantined_rows", "gap_count"]].sum() > 9
    ).all()


def test_a_session_has_one_quality_whatever_the_range(world: World) -> None:
    view = world.sql("FROM quality ORDER BY ticker, session_date")
    days = view.groupby("session_date")["outlier_count"].sum().nlargest(2).index
    assert view["outlier_count"].sum() > 0
    for day in days:
        text = pd.Timestamp(day).date().isoformat()
        alone = world.sql(f"FROM quality(NULL, NULL, start_ts := DATE '{text}', end_ts := DATE '{text}')")
        within = view[view["session_date"] == day].set_index("ticker").loc[alone["ticker"]].reset_index()
        pd.testing.assert_frame_equal(alone, within[alone.columns])


def _steps(session: Any, freq: str) -> pd.DatetimeIndex:
    """Return the instants of a session, its close not among them."""
    return pd.date_range(session.open_ts, session.close_ts, freq=freq, inclusive="left")


def _rectangle(rows: pd.DataFrame) -> pd.DataFrame:
    labels = rows.index.get_level_values("label").unique().sort_values()
    return rows.reindex(pd.MultiIndex.from_product([labels, TICKERS], names=["label", "ticker"]))
