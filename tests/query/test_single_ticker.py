"""One ticker's frame straight from the files, against the macro `resampled`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore.bars import VALUE_COLUMNS
from mtstore.query.fast import read_parquet
from mtstore.query.fast.single_ticker import ticker_frame
from mtstore.query.request.request import SeriesRequest, macro_call
from mtstore.query.snapshot.store_facts import read_store_facts
from mtstore.query.table.pandas_frames import long_frame
from tests.kits.bar_stores import add_bars, bars, make_store, minutes, walk
from tests.kits.examples import examples

NAMES = ("AAA", "o'q", "NULLY", "TRUE")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Around the turn of a year, so that there are two files a ticker; pre-market and after hours too."""
    times = [
        at for day in ("2023-12-28", "2023-12-29", "2024-01-02", "2024-01-03") for at in minutes(day, "13:00", 600)
    ]
    nully = [
        (at, *(None if (number * 7 + column) % 11 == 0 else 50.0 + column for column in range(6)), None)
        for number, at in enumerate(times)
    ]
    store = make_store(tmp_path_factory.mktemp("one") / "store")
    tables = {
        "AAA": walk(times),
        "o'q": walk(times[::3], base=3.0, seed=1),
        "NULLY": bars(nully),
        "TRUE": walk(times[:700], base=9.0, seed=2),
    }
    add_bars(store, tables, covers=("2023-12-20", "2024-01-10"))
    yield store
    store.close()


def _instant(number):
    return datetime(2023, 12, 27, tzinfo=ZoneInfo("America/New_York")) + number * timedelta(minutes=25)


instants = st.integers(0, 460).map(_instant)
dates = st.integers(0, 8).map(lambda n: date(2023, 12, 27) + timedelta(days=n))


@st.composite
def calls(draw):
    start = draw(st.one_of(st.none(), instants, dates))
    return SeriesRequest.parse(
        draw(st.sampled_from(NAMES)),
        draw(st.sampled_from(["1min", "5min", "7min", "1h", "1d", "1w"])),
        start,
        None if start is None else start + timedelta(days=draw(st.integers(1, 4))),
        session=draw(st.sampled_from(["regular", "all"])),
        tz=draw(st.sampled_from(["America/New_York", "UTC"])),
    )


@given(call=calls())
@examples(12, 60)
def test_the_frame_is_that_of_the_macro(store, call):
    with store.repository.connection() as connection:
        assert read_parquet.plan_read(read_store_facts(connection), call) is not None
        frame = ticker_frame(read_store_facts(connection), call)
        statement = macro_call("resampled", call.parameters(), columns=("ts_event", *VALUE_COLUMNS))
        rows = connection.sql(statement, params=call.parameters()).to_arrow_table()
    pd.testing.assert_frame_equal(frame, long_frame(rows, call.tz), rtol=1e-12)


def test_adjusted_bars_come_from_the_macro(store):
    call = SeriesRequest.parse("AAA", "5min", "2023-12-28", "2023-12-29", adjust="splits")
    with store.repository.connection() as connection:
        assert read_parquet.plan_read(read_store_facts(connection), call) is None
        assert len(ticker_frame(read_store_facts(connection), call)) == 156
