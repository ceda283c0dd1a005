"""Which of a ticker's stored series a call reads: the coarsest that holds what is stored of its range."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import mtstore
from mtstore.errors import QueryError

NEW_YORK = "America/New_York"


def bars(opens: pd.DatetimeIndex, volume: float) -> pd.DataFrame:
    return pd.DataFrame({"ts_event": opens, "open": 1.0, "high": 2.0, "low": 1.0, "close": 1.5, "volume": volume})


def daily_bars(first: str, last: str) -> pd.DataFrame:
    days = pd.bdate_range(first, last, tz=NEW_YORK)
    return bars(days[days.strftime("%Y-%m-%d") != "2024-01-15"], 100.0)


def minute_bars(*days: str, first: str = "09:30", last: str = "15:59") -> pd.DataFrame:
    minutes = (pd.date_range(f"{day} {first}", f"{day} {last}", freq="1min", tz=NEW_YORK) for day in days)
    return bars(pd.DatetimeIndex([minute for session in minutes for minute in session]), 1.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[mtstore.Store]:
    """Hold daily bars of January 2024, and the minutes of February 1 alone."""
    with mtstore.open(tmp_path / "store", create=True) as opened:
        opened.ingest(daily_bars("2024-01-02", "2024-01-31"), ticker="A", schema="ohlcv-1d", source="own")
        opened.ingest(minute_bars("2024-02-01"), ticker="A", schema="ohlcv-1m", source="own")
        yield opened


def read(
    store: mtstore.Store, start: str | None, end: str | None, interval: str = "1d", options: str = ""
) -> list[tuple[str, str, float]]:
    """Return the session, schema and volume of each bucket."""
    rows = store.sql(
        f"""
        SELECT strftime(session_date, '%m-%d'), schema, volume
        FROM resampled(['A'], '{interval}', start_ts := $start, end_ts := $end {options})
        ORDER BY ts_event
        """,
        {"start": start, "end": end},
    )
    return rows.fetchall()


def test_a_series_that_does_not_reach_the_range_does_not_count(store: mtstore.Store) -> None:
    assert read(store, "2024-02-01", "2024-02-29") == [("02-01", "ohlcv-1m", 390.0)]
    assert read(store, "2024-02-01", None) == [("02-01", "ohlcv-1m", 390.0)]
    assert read(store, "2024-01-30", "2024-01-31") == [("01-30", "ohlcv-1d", 100.0), ("01-31", "ohlcv-1d", 100.0)]
    assert len(read(store, None, "2024-01-31")) == 21


def test_a_range_that_no_series_reaches_has_no_rows(store: mtstore.Store) -> None:
    assert read(store, "2023-01-02", "2023-01-31") == []
    assert read(store, "2024-03-01", "2024-03-31") == []


def test_instants_decide_like_dates(store: mtstore.Store) -> None:
    assert read(store, "2024-02-01 00:00", "2024-02-02 00:00") == [("02-01", "ohlcv-1m", 390.0)]
    assert read(store, "2024-01-31 00:00", "2024-02-01 00:00") == [("01-31", "ohlcv-1d", 100.0)]
    with pytest.raises(QueryError, match="ohlcv-1d"):
        read(store, "2024-01-31 00:00", "2024-02-02 00:00")


@pytest.mark.parametrize(
    "macro",
    [
        "resampled(['A'], '1d', {0})",
        "aligned_outer(['A'], '1d', {0})",
        "aligned_inner(['A'], '1d', {0})",
        "aligned_ffill(['A'], '1d', {0})",
        "aligned_grid(['A'], '1d', {0})",
        "returns(['A'], '1d', {0})",
    ],
)
def test_a_range_that_no_series_holds_is_an_error_that_names_them(store: mtstore.Store, macro: str) -> None:
    call = macro.format("start_ts := '2024-01-30', end_ts := '2024-02-01'")
    with pytest.raises(QueryError) as caught:
        store.sql(f"FROM {call}").fetchall()
    text = str(caught.value)
    assert "'A'" in text
    assert "own/ohlcv-1d from 2024-01-02 to 2024-01-31, own/ohlcv-1m from 2024-02-01 to 2024-02-01" in text
    assert "from_schema" in text


def test_from_schema_decides_where_the_range_does_not(store: mtstore.Store) -> None:
    assert read(store, "2024-01-30", "2024-02-01", options=", from_schema := 'ohlcv-1m'") == [
        ("02-01", "ohlcv-1m", 390.0)
    ]
    assert len(read(store, "2024-01-30", "2024-02-01", options=", from_schema := 'ohlcv-1d'")) == 2


def test_without_a_range_the_coarsest_is_read(store: mtstore.Store) -> None:
    assert {schema for _, schema, _ in read(store, None, None)} == {"ohlcv-1d"}


def test_a_weekend_or_holiday_at_the_ends_is_not_missing(store: mtstore.Store) -> None:
    """Nothing is missing of January 13 to 15: two days of a weekend and a holiday."""
    store.ingest(minute_bars("2024-01-11", "2024-01-12"), ticker="A", schema="ohlcv-1m", source="own")
    assert read(store, "2024-01-01", "2024-01-15")[-1] == ("01-12", "ohlcv-1d", 100.0)
    # The minutes, which go on, have all that is stored from here on; the daily bars do not.
    store.ingest(daily_bars("2024-01-09", "2024-01-10"), ticker="B", schema="ohlcv-1d", source="own")
    store.ingest(minute_bars("2024-01-10", "2024-01-11"), ticker="B", schema="ohlcv-1m", source="own")
    rows = store.sql("FROM resampled(['B'], '1d', start_ts := '2024-01-10', end_ts := '2024-01-15')").to_pandas()
    assert rows["volume"].tolist() == [390.0, 390.0]


def test_of_intraday_series_the_coarsest_that_holds_the_sessions_is_read(store: mtstore.Store) -> None:
    """Thin trading at the ends of a session makes no difference: both series have the session."""
    five = bars(pd.date_range("2024-02-01 09:30", "2024-02-01 15:55", freq="5min", tz=NEW_YORK), 5.0)
    store.ingest(five, ticker="C", schema="ohlcv-5m", source="own")
    thin = minute_bars("2024-02-01", "2024-02-02", first="09:33", last="15:50")
    store.ingest(thin, ticker="C", schema="ohlcv-1m", source="own")

    def schemas(start: str, end: str) -> set[str]:
        call = f"resampled(['C'], '1h', start_ts := '{start}', end_ts := '{end}')"
        return {schema for (schema,) in store.sql(f"SELECT DISTINCT schema FROM {call}").fetchall()}

    assert schemas("2024-02-01", "2024-02-01") == {"ohlcv-5m"}
    assert schemas("2024-02-01", "2024-02-02") == {"ohlcv-1m"}


def test_python_reads_the_series_that_sql_does(store: mtstore.Store) -> None:
    assert store.resample("A", "1d", "2024-02-01", "2024-02-29").to_pandas()["volume"].tolist() == [390.0]
    with pytest.raises(QueryError, match="from_schema"):
        store.resample("A", "1d", "2024-01-30", "2024-02-01").to_pandas()


def test_a_loader_names_the_series_and_not_minutes_that_are_stored(store: mtstore.Store) -> None:
    """Its check for missing ranges leaves the ticker to the error of the call."""
    config = {"multi_ticker": {"store": str(store.path), "tickers": ["A"], "alignment": {"resampling": "1d"}}}
    loader = mtstore.MultiTickerDataLoader(config)
    with pytest.raises(QueryError, match="own/ohlcv-1d from 2024-01-02 to 2024-01-31"):
        loader.load_data("2024-01-30", "2024-02-01")
    assert loader.load_data("2024-02-01", "2024-02-01")["A_volume"].tolist() == [390.0]


def test_chunks_read_the_series_of_the_whole_range(store: mtstore.Store) -> None:
    """A chunk of January alone would fit the daily bars better."""
    store.ingest(minute_bars("2024-01-30", "2024-01-31"), ticker="A", schema="ohlcv-1m", source="own")
    config = {"multi_ticker": {"store": str(store.path), "tickers": ["A"], "alignment": {"resampling": "1d"}}}
    loader = mtstore.MultiTickerDataLoader(config)
    chunks = list(loader.iter_data("2024-01-30", "2024-02-01", chunk="1D"))
    assert pd.concat(chunks)["A_volume"].tolist() == [390.0, 390.0, 390.0]
