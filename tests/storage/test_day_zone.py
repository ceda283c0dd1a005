"""Daily bars keep their dates when a batch in another zone joins their series."""

from __future__ import annotations

import pandas as pd
import pytest

from mtstore import Store

ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Europe/Berlin")


def daily(dates: list[str], price: float = 100.0) -> pd.DataFrame:
    prices = {"open": price, "high": price + 1, "low": price - 1, "close": price, "volume": 10.0}
    return pd.DataFrame({"ts_event": pd.DatetimeIndex(dates)} | prices)


def ingest(store: Store, dates: list[str], tz: str, *, price: float = 100.0, is_whole: bool = False) -> None:
    covers = (dates[0], dates[-1]) if is_whole else None
    store.ingest(daily(dates, price), ticker="T", schema="ohlcv-1d", tz=tz, covers=covers)


def dates_of(store: Store) -> list[str]:
    return [str(day) for (day,) in store.sql("SELECT session_date FROM bars_local ORDER BY ts_event").fetchall()]


@pytest.mark.parametrize("second", ZONES)
@pytest.mark.parametrize("first", ZONES)
def test_dates_stay_when_a_batch_has_another_zone(store: Store, first: str, second: str) -> None:
    ingest(store, ["2023-03-06", "2023-03-07", "2023-03-10"], first)
    ingest(store, ["2023-03-13", "2023-03-14"], second)
    expected = ["2023-03-06", "2023-03-07", "2023-03-10", "2023-03-13", "2023-03-14"]
    assert dates_of(store) == expected
    store.compact()
    store.rebuild()
    assert dates_of(store) == expected
    assert store.verify().is_sound


def test_bar_of_a_stored_date_replaces_it_in_any_zone(store: Store) -> None:
    ingest(store, ["2023-03-06", "2023-03-07"], "UTC")
    ingest(store, ["2023-03-07", "2023-03-08"], "America/New_York", price=50.0)
    assert store.sql("SELECT open FROM bars ORDER BY ts_event").fetchall() == [(100.0,), (50.0,), (50.0,)]
    assert store.sql("SELECT count(*) FROM revisions").fetchall() == [(1,)]


def test_covers_withdraws_dates_of_the_stored_zone(store: Store) -> None:
    ingest(store, ["2023-03-06", "2023-03-07", "2023-03-08", "2023-03-09"], "UTC")
    ingest(store, ["2023-03-07", "2023-03-08"], "Asia/Tokyo", is_whole=True)
    assert len(dates_of(store)) == 4
    ingest(store, ["2023-03-06", "2023-03-08"], "America/New_York", is_whole=True)
    assert dates_of(store) == ["2023-03-06", "2023-03-08", "2023-03-09"]
    clocks = "strftime(start_ts AT TIME ZONE 'UTC', '%H:%M'), strftime(end_ts AT TIME ZONE 'UTC', '%H:%M')"
    assert store.sql(f"SELECT DISTINCT {clocks} FROM coverage").fetchall() == [("00:00", "00:00")]
