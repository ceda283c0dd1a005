"""A lookback brings in values from before the range, and never changes which buckets are shown."""

from __future__ import annotations

import numpy as np
import pytest

from mtstore.config import load_config
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.bar_stores import bars, make_store

NIGHT = {"session_start": "20:00", "session_end": "04:00", "timezone": "America/New_York"}
# Sessions of 2023-11-20 and 2023-11-21, which open at 20:00 New York (01:00 UTC) the evening before: price 1, 2, … 6.
PRICES = {
    "2023-11-20T01:30": 1.0,
    "2023-11-20T08:59": 2.0,
    "2023-11-21T01:00": 3.0,
    "2023-11-21T04:58": 4.0,
    "2023-11-21T05:30": 5.0,
    "2023-11-21T08:00": 6.0,
}
OTHER = ["2023-11-21T01:00", "2023-11-21T06:00"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    night = bars((f"{at}:00", *[price] * 4, 10.0) for at, price in PRICES.items())
    other = bars((f"{at}:00", 9.0, 9.0, 9.0, 9.0, 1.0) for at in ("2023-11-20T08:30", *OTHER))
    path = tmp_path_factory.mktemp("lookback") / "store"
    with make_store(path, {"NIGHT": night, "OTHER": other}, covers=("2023-11-19", "2023-11-22")) as made:
        apply_config(made.repository, load_config({"tickers": {"NIGHT": NIGHT, "OTHER": NIGHT}}))
        yield made


def closes(store, lookback, start="2023-11-21", **options):
    """Labels and closes of both tickers, from Python and from SQL, which must agree."""
    aligned = store.align(
        ["NIGHT", "OTHER"], "1min", start, "2023-11-21", method="forward_fill", lookback=lookback, **options
    )
    frame = aligned.to_pandas(fields=["close"])
    rows = aligned.to_arrow().to_pandas().pivot(index="ts_event", columns="ticker", values="close")
    assert [stamp.tz_convert("UTC") for stamp in frame.index] == list(rows.index)
    np.testing.assert_array_equal(frame.to_numpy(), rows[["NIGHT", "OTHER"]].to_numpy())
    labels = [f"{stamp.tz_convert('UTC'):%Y-%m-%dT%H:%M}" for stamp in frame.index]
    return labels, frame["NIGHT_close"].tolist(), frame["OTHER_close"].tolist()


SHOWN = [at for at in sorted({*PRICES, *OTHER}) if at > "2023-11-21"]


@pytest.mark.parametrize("lookback", [None, "3min", "1h", "20h", "2d"])
def test_evening_of_an_overnight_session_is_shown_whatever_the_lookback(store, lookback):
    labels, night, other = closes(store, lookback)
    assert labels == SHOWN
    assert night == [3.0, 4.0, 5.0, 5.0, 6.0]
    assert other == [9.0] * 5


def test_values_come_from_within_the_lookback_alone(store):
    # The lookback of a date is counted from its midnight in New York, 05:00 UTC; of an instant from there.
    start = "2023-11-21 00:30"
    labels, night, other = closes(store, "31min", start)
    assert labels == ["2023-11-21T05:30", "2023-11-21T06:00", "2023-11-21T08:00"]
    assert night == [5.0, 5.0, 6.0]
    assert np.isnan(other[0])
    assert other[1:] == [9.0, 9.0]
    assert closes(store, "5h", start)[2] == [9.0, 9.0, 9.0]


def test_nothing_is_carried_into_another_session_when_asked(store):
    _, _, other = closes(store, "2d", "2023-11-21 00:30", across_sessions=False)
    assert other == [9.0, 9.0, 9.0]  # from the session's own evening
    with_lookback = closes(store, "2d", across_sessions=False)
    assert with_lookback == closes(store, None, across_sessions=False)


def test_outer_and_inner_joins_carry_nothing_and_heed_no_lookback(store):
    for method in ("outer_join", "inner_join"):
        near, far = (
            store.align(["NIGHT", "OTHER"], "1min", "2023-11-21", method=method, lookback=lookback).to_pandas()
            for lookback in (None, "3min")
        )
        assert near.equals(far)
        assert len(near) == (5 if method == "outer_join" else 1)
