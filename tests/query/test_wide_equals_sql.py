"""Wide assembly against the SQL macros, cell by cell, on calls and stores of many kinds."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore.config import load_config
from mtstore.query.align.assemble import assemble
from mtstore.query.request.request import AlignRequest
from mtstore.query.table.wide_table import FIELDS, AssemblyOptions
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.bar_stores import add_bars, bars, make_store, minutes, us, walk
from tests.kits.examples import examples

NEW_YORK = ZoneInfo("America/New_York")
TICKERS = (
    "AAA",
    "BBB",
    "SPARSE",
    "LATE",
    "NULLY",
    "X:BTC",
    "OVERNIGHT",
    "NIGHTWINDOW",
    "LONGWINDOW",
    "EMPTY",
    "NULL",
    "o'q",
)


def _holes(times, keep):
    return [at for number, at in enumerate(times) if keep(number)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three sessions around a half day (2023-11-22, 24 and 27), with every kind of ticker."""
    days = [
        minutes("2023-11-22", "13:00", 600),  # pre-market and all of the session
        minutes("2023-11-24", "14:30", 210),
        minutes("2023-11-27", "14:30", 480),  # and an hour and a half after it
    ]
    every = [at for day in days for at in day]
    nully = [
        (at, *(None if (number * 7 + column) % 11 == 0 else 50.0 + number % 13 + column for column in range(7)))
        for number, at in enumerate(_holes(every, lambda number: number % 3))
    ]
    around_the_clock = [us("2023-11-21T00:00:00") + number * 7 * 60_000_000 for number in range(1_500)]
    store = make_store(tmp_path_factory.mktemp("wide") / "store")
    add_bars(
        store,
        {
            "AAA": walk(every),
            "BBB": walk(_holes(every, lambda number: number % 5 and number % 97 > 9), base=20.0, seed=1),
            "SPARSE": walk(_holes(every, lambda number: number % 211 == 100), base=7.0, seed=2),
            "LATE": walk(days[2][100:300:3], base=300.0, seed=3),
            "NULLY": bars((*row[:7], int(row[7] or 0) if row[7] is not None else None) for row in nully),
            "X:BTC": walk(around_the_clock, base=40_000.0, seed=4),
            "OVERNIGHT": walk(around_the_clock[::3], base=4_000.0, seed=5),
            "NIGHTWINDOW": walk(around_the_clock[1::2], base=5.0, seed=6),
            "LONGWINDOW": walk(around_the_clock[2::2], base=6.0, seed=9),
            "NULL": walk(days[0][200:400], base=1.0, seed=7),
            "o'q": walk(days[1][::2], base=2.0, seed=8),
        },
        covers=("2023-11-20", "2023-11-30"),
    )
    config = {
        "multi_ticker": {
            "tickers": {
                **{name: {} for name in TICKERS},
                "OVERNIGHT": {"calendar": "CMES"},
                "NIGHTWINDOW": {"session_start": "20:00", "session_end": "04:00", "timezone": "America/New_York"},
                "LONGWINDOW": {"calendar": "CMES", "session_end": "20:00"},  # its next session opens at 17:00
                "EMPTY": {"calendar": "XNYS"},
            }
        }
    }
    apply_config(store.repository, load_config(config))
    yield store
    store.close()


def from_macro(connection, call, names):
    """The macro's long answer as (labels, closes, {ticker: {column: values}}), in time order."""
    table = connection.sql(call.statement, params=call.parameters()).to_arrow_table()
    table = table.sort_by([("ts_event", "ascending")])
    stamps = table["ts_event"].cast("int64").to_numpy()
    closes = table["ts_close"].cast("int64").to_numpy()
    owners = np.array(table["ticker"].to_pylist(), dtype=object)
    labels, first = np.unique(stamps, return_index=True)
    columns = {}
    for name in names:
        mine = owners == name
        if not mine.any():  # an inner join leaves out tickers of which nothing is stored; a wide table shows them empty
            columns[name] = dict.fromkeys(FIELDS, np.full(len(labels), np.nan))
            columns[name] |= {"bar_count": np.zeros(len(labels)), "is_present": np.zeros(len(labels), dtype=bool)}
            continue
        assert np.array_equal(stamps[mine], labels), "the macro's answer is rectangular"
        columns[name] = {field: table[field].cast("double").to_numpy()[mine] for field in FIELDS}
        columns[name]["is_present"] = table["is_present"].to_numpy()[mine]
    assert set(owners) <= set(names)
    return labels, closes[first], columns


def assert_equal(connection, call, fields=FIELDS, making=None):
    making = making or AssemblyOptions(with_close=True)
    wide = assemble(connection, call, fields, making)
    labels, closes, columns = from_macro(connection, call, wide.tickers)
    np.testing.assert_array_equal(wide.ts_us, labels)
    np.testing.assert_array_equal(wide.close_us, closes)
    for number, name in enumerate(wide.tickers):
        np.testing.assert_array_equal(wide.present[number], columns[name]["is_present"], err_msg=name)
        for place, field in enumerate(fields):
            got = wide.values[number * len(fields) + place]
            np.testing.assert_allclose(got, columns[name][field], rtol=1e-12, err_msg=f"{name} {field}")
    return wide


instants = st.integers(0, 10 * 96).map(lambda n: datetime(2023, 11, 20, tzinfo=NEW_YORK) + n * timedelta(minutes=15))
dates = st.integers(0, 10).map(lambda n: date(2023, 11, 20) + timedelta(days=n))
bounds = st.one_of(st.none(), instants, dates)
spans = st.sampled_from([None, timedelta(minutes=3), timedelta(minutes=45), timedelta(hours=30), timedelta(days=4)])


@st.composite
def calls(draw):
    # Mostly tickers of one calendar, so that both ways of anchoring are met.
    pool = TICKERS if draw(st.booleans()) else [name for name in TICKERS if name not in {"X:BTC", "OVERNIGHT"}]
    tickers = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=5, unique=True))
    first, last = draw(bounds), draw(bounds)
    if first is not None and last is not None and _key(first) >= _key(last):
        first, last = last, first
        if _key(first) >= _key(last):
            last = None
    return AlignRequest.parse(
        tickers,
        draw(st.sampled_from(["1min", "5min", "7min", "1h", "4h", "1d", "1w", "1mo"])),
        first,
        last,
        tz=draw(st.sampled_from(["America/New_York", "UTC", "Asia/Kolkata"])),
        method=draw(st.sampled_from(["outer_join", "inner_join", "forward_fill", "grid"])),
        session=draw(st.sampled_from(["regular", "all"])),
        anchor=draw(st.sampled_from(["session", "midnight", "epoch"])),
        partial=draw(st.sampled_from(["drop", "drop", "cut"])),  # only SQL cuts
        fill_volume=draw(st.sampled_from(["zero", "ffill", "null"])),
        fill_prices=draw(st.sampled_from(["own", "close"])),
        max_age=draw(spans),
        across_sessions=draw(st.booleans()),
        lookback=draw(spans) if first is not None else None,
        fill=draw(st.sampled_from(["none", "forward"])),
    )


def _key(bound):
    return bound if isinstance(bound, datetime) else datetime(bound.year, bound.month, bound.day, tzinfo=NEW_YORK)


@given(call=calls())
@examples(10, 60)
def test_assembly_equals_the_macro_on_any_call(store, call):
    with store.repository.connection() as connection:
        assert_equal(connection, call)
