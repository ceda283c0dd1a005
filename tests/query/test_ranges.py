"""Ranges: whole buckets alone, nothing from after the end, the range's own bars where buckets are cut."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mtstore
from mtstore.config import load_config
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.examples import examples

NEW_YORK = ZoneInfo("America/New_York")
CALENDARS = {"MIN": "XNYS", "THIN": "XNYS", "DAY": "XNYS", "NIGHT": "CMES", "COIN": "24/7"}
WIDTHS = {"MIN": "1min", "THIN": "1min", "DAY": "1d", "NIGHT": "1h", "COIN": "1h"}
FIRST, LAST = "2024-02-26", "2024-03-15"
# A Wednesday within a session, and the Friday before clocks change.
ENDS = (datetime(2024, 3, 6, 11, 47, tzinfo=NEW_YORK), date(2024, 3, 8))
FEW = examples(4, 20)


@dataclass(frozen=True)
class Bars:
    """The bars of one ticker, and the session and last instant of each."""

    frame: Any
    session_date: Any
    ends: Any

    def changed_after(self, end):
        """Return other bars in place of those that are not over by the end, and leave some of those out."""
        late = self.ends > end if isinstance(end, datetime) else self.session_date > np.datetime64(end)
        frame = self.frame.copy()
        frame.loc[late, ["open", "high", "low", "close"]] = 5.0
        frame.loc[late, "volume"] = 77.0
        number = np.arange(len(frame))
        # The last bar stays: prices are adjusted up to it.
        return frame[~late | (number % 3 > 0) | (number == len(frame) - 1)]

    def within(self, start, end):
        """Return which bars lie within a range."""
        inside = np.ones(len(self.frame), dtype=bool)
        if isinstance(start, datetime):
            inside &= self.frame.index >= start
        elif start is not None:
            inside &= self.session_date >= np.datetime64(start)
        return inside & (self.ends <= end if isinstance(end, datetime) else self.session_date <= np.datetime64(end))


def _walk(times, seed):
    chance = np.random.default_rng(seed)
    close = 100 + np.cumsum(chance.normal(0, 0.1, len(times)))
    columns = {"open": close - 0.05, "high": close + 1, "low": close - 1, "close": close}
    volume = chance.integers(1, 99, len(times)).astype(float)
    return pd.DataFrame(columns | {"volume": volume}, pd.DatetimeIndex(times, name="ts_event"))


def _make(path, frames):
    made = mtstore.open(path, create=True)
    tickers = {name: {"calendar": calendar} for name, calendar in CALENDARS.items()}
    apply_config(made.repository, load_config({"multi_ticker": {"tickers": tickers}}))
    for name, width in WIDTHS.items():
        schema = {"1min": "ohlcv-1m"}.get(width, f"ohlcv-{width}")
        made.ingest(frames[name], ticker=name, schema=schema, tz="America/New_York" if width == "1d" else None)
    splits = path.parent / f"{path.name}.csv"
    splits.write_text("ticker,execution_date,split_from,split_to\nMIN,2024-03-05,1,2\nDAY,2024-03-05,1,2\n")
    made.ingest_references(splits=[splits])
    return made


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A store, its bars, and for each end a store whose bars differ after it."""
    folder = tmp_path_factory.mktemp("ranges")
    often, hours = (pd.date_range(FIRST, LAST, freq=freq, tz="UTC") for freq in ("7min", "1h"))
    times = {
        "MIN": often,
        "THIN": often[7::29],
        "DAY": pd.bdate_range(FIRST, LAST, tz=NEW_YORK),
        "NIGHT": hours,
        "COIN": hours[::2],
    }
    frames = {name: _walk(stamps, seed) for seed, (name, stamps) in enumerate(times.items())}
    store = _make(folder / "store", frames)
    bars = {}
    for name, stamps in times.items():
        local = store.sql("FROM bars_local WHERE ticker = ? ORDER BY ts_event", [name]).to_pandas()
        # A day of the calendar is not always 24 hours.
        ends = stamps + (pd.offsets.Day() if WIDTHS[name] == "1d" else pd.Timedelta(WIDTHS[name]))
        bars[name] = Bars(frames[name], local["session_date"].to_numpy().astype("datetime64[D]"), ends)
    others = {
        end: _make(folder / f"other{number}", {name: one.changed_after(end) for name, one in bars.items()})
        for number, end in enumerate(ENDS)
    }
    yield store, bars, others
    for one in (store, *others.values()):
        one.close()


@dataclass(frozen=True)
class Call:
    names: Any
    interval: str
    start: Any
    end: Any
    label: str
    series: Any
    filling: Any


@st.composite
def calls(draw):
    interval = draw(st.sampled_from(["10min", "1h", "7h", "1d", "1w", "1mo"]))
    unfit = {"10min": {"DAY", "NIGHT", "COIN"}, "1h": {"DAY"}, "7h": {"DAY"}}.get(interval, set())
    fitting = [name for name in CALENDARS if name not in unfit]
    begin = datetime(2024, 2, 26, tzinfo=NEW_YORK)
    start = draw(
        st.one_of(
            st.none(),
            st.integers(0, 8).map(lambda days: begin.date() + timedelta(days=days)),
            st.integers(0, 768).map(lambda quarters: begin + quarters * timedelta(minutes=15)),
        )
    )
    words = {
        "partial": ["drop", "cut"],
        "session": ["regular", "all"],
        "anchor": ["session", "midnight", "epoch"],
        "tz": ["America/New_York", "UTC", "Asia/Tokyo"],
    }
    method = draw(st.sampled_from(["outer_join", "inner_join", "forward_fill", "grid"]))
    filling = {"method": method, "adjust": draw(st.sampled_from(["none", "splits"]))}
    if method in {"forward_fill", "grid"}:
        filling["across_sessions"] = draw(st.booleans())
        filling["lookback"] = draw(st.sampled_from([None, timedelta(hours=5), timedelta(days=4)])) if start else None
    if method == "grid":
        filling["fill"] = draw(st.sampled_from(["none", "forward"]))
    return Call(
        draw(st.lists(st.sampled_from(fitting), min_size=1, max_size=3, unique=True)),
        interval,
        start,
        draw(st.sampled_from(ENDS)),
        draw(st.sampled_from(["left", "right"])),
        {name: draw(st.sampled_from(choices)) for name, choices in words.items()},
        filling,
    )


@given(call=calls())
@FEW
def test_nothing_after_the_end_changes_a_cell(market, call):
    store, _, others = market
    arguments = (call.names, call.interval, call.start, call.end)
    before, after = (one.align(*arguments, **call.filling, **call.series) for one in (store, others[call.end]))
    rows, changed = before.to_arrow(), after.to_arrow()
    assert rows.equals(changed)
    if isinstance(call.end, datetime):
        assert all(close <= call.end for close in rows["ts_close"].to_pylist())
    pd.testing.assert_frame_equal(before.to_pandas(label=call.label), after.to_pandas(label=call.label))
    if call.filling["method"] == "grid":
        options = {name: value for name, value in call.filling.items() if name != "method"} | call.series
        tensor, other = (one.tensor(*arguments, **options) for one in (store, others[call.end]))
        np.testing.assert_array_equal(tensor.values, other.values)
        assert tensor.index.equals(other.index)


@given(call=calls())
@FEW
def test_nothing_after_the_end_changes_an_aligned_frame(market, call):
    _, bars, _ = market
    options = {name: value for name, value in (call.filling | call.series).items() if name not in {"adjust", "tz"}}
    aligner = mtstore.DataAligner(
        timezone=call.series["tz"],
        resampling=call.interval,
        native_interval={name: WIDTHS[name] for name in call.names},
        calendar={name: CALENDARS[name] for name in call.names},
        label=call.label,
        **options,
    )
    frames = {name: bars[name].frame for name in call.names}
    changed = {name: bars[name].changed_after(call.end) for name in call.names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a range may have no bucket
        before, after = (aligner.align_data(given, call.start, call.end) for given in (frames, changed))
    pd.testing.assert_frame_equal(before, after, check_freq=False)


@given(call=calls())
@FEW
def test_a_range_has_buckets_of_the_unbounded_answer(market, call):
    store, _, _ = market
    options = call.series | {"partial": "drop"}
    whole = _rows(store.resample(call.names, call.interval, **options))
    found = _rows(store.resample(call.names, call.interval, call.start, call.end, **options))
    assert found.items() <= whole.items()
    if isinstance(call.end, datetime) and (call.start is None or isinstance(call.start, datetime)):
        begun = {key: row for key, row in whole.items() if call.start is None or key[1] >= call.start}
        assert found == {key: row for key, row in begun.items() if dict(row)["ts_close"] <= call.end}


@given(call=calls())
@FEW
def test_cut_buckets_hold_the_bars_of_the_range_alone(market, call):
    store, bars, _ = market
    options = call.series | {"partial": "cut", "session": "all"}
    found = store.resample(call.names, call.interval, call.start, call.end, **options).to_arrow().to_pandas()
    for name in call.names:
        rows, inside = found[found["ticker"] == name], bars[name].within(call.start, call.end)
        counts = rows["bar_count"].sum(), rows["volume"].sum()
        wanted = inside.sum(), bars[name].frame["volume"][inside].sum()
        if isinstance(call.end, datetime) and call.interval in {"1d", "1w", "1mo"}:
            # The evening of a session has no bucket where the midnight that names it is not before the end.
            assert counts <= wanted
        else:
            assert counts == wanted


@given(call=calls())
@FEW
def test_chunks_together_are_the_load(market, call):
    store, _, others = market
    alignment = {name: value for name, value in (call.filling | call.series).items() if name not in {"fill", "tz"}}
    alignment |= {"resampling": call.interval, "timezone": call.series["tz"], "label": call.label}
    alignment["method"] = {"grid": "forward_fill"}.get(alignment["method"], alignment["method"])
    alignment["lookback"] = "4d" if alignment.get("lookback") else None
    loads: list[Any] = []
    parts: list[Any] = []
    for one in (store, others[call.end]):
        config = {"store": one.path, "tickers": call.names, "alignment": alignment, "on_missing": "warn"}
        with (
            mtstore.MultiTickerDataLoader(config | {"validation": {"enabled": False}}) as loader,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            loads.append(loader.load_data(call.start, call.end))
            parts = parts or list(loader.iter_data(call.start, call.end, "75h"))
    pd.testing.assert_frame_equal(pd.concat(parts), loads[0], check_freq=False)
    pd.testing.assert_frame_equal(loads[1], loads[0], check_freq=False)


def _rows(series):
    return {(row["ticker"], row["ts_event"]): tuple(row.items()) for row in series.to_arrow().to_pylist()}
