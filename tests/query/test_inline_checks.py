"""What is counted while a table is made, against the rows of the macros `gaps` and `outliers`."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore import sqlfiles
from mtstore.config import load_config
from mtstore.query.align.assemble import assemble, plan_fast_path
from mtstore.query.fast.inline_checks import InlineChecks, supports_inline_checks
from mtstore.query.request.request import AlignRequest
from mtstore.query.snapshot.store_facts import read_store_facts
from mtstore.query.table.wide_table import AssemblyOptions
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.bar_stores import add_bars, bars, make_store, minutes
from tests.kits.examples import examples

CALENDARS = {"XNYS": ("FULL", "HOLEY", "RARE", "UNPRICED", "EMPTY"), "XHKG": ("LUNCH",)}


def _walk(times, seed, unpriced=0):
    """Prices that jump now and then; every n-th bar has no close where `unpriced` says so."""
    random = np.random.default_rng(seed)
    prices = 100 * np.exp(np.cumsum(random.normal(0, 0.001, len(times)) * random.choice([1, 1, 1, 9], len(times))))
    rows = []
    for number, (at, price) in enumerate(zip(times, prices.round(2).tolist(), strict=True)):
        close = None if unpriced and number % unpriced == 0 else price
        rows.append((at, price, price + 1, price - 1, close, 10.0, price, 1))
    return bars(rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three sessions of New York around a half day, and two of Hong Kong with their lunch break."""
    new_york = [
        at for day, clock, count in (("22", "14:30", 390), ("24", "14:30", 210), ("27", "14:30", 390))
        for at in minutes(f"2023-11-{day}", clock, count)
    ]  # fmt: skip
    hong_kong = [at for day in ("22", "23") for at in minutes(f"2023-11-{day}", "01:30", 390)]
    random = np.random.default_rng(7)
    store = make_store(tmp_path_factory.mktemp("watch") / "store")
    tables = {
        "FULL": _walk(new_york, 1),
        "HOLEY": _walk([at for at, keep in zip(new_york, random.random(len(new_york)) < 0.6, strict=True) if keep], 2),
        "RARE": _walk(new_york[150::200], 3),
        "UNPRICED": _walk(new_york, 4, unpriced=7),
        "LUNCH": _walk([at for number, at in enumerate(hong_kong) if number % 50], 5),
    }
    add_bars(store, tables, covers=("2023-11-20", "2023-11-30"))
    names = {name: {"calendar": calendar} for calendar, found in CALENDARS.items() for name in found}
    apply_config(store.repository, load_config({"multi_ticker": {"tickers": names}}))
    yield store
    store.close()


@st.composite
def questions(draw):
    names = draw(st.sampled_from(list(CALENDARS.values())))
    tickers = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    first = date(2023, 11, 20) + timedelta(days=draw(st.integers(0, 8)))
    call = AlignRequest.parse(
        tickers,
        draw(st.sampled_from(["1min", "5min", "7min", "1h", "1d"])),
        first,
        first + timedelta(days=draw(st.integers(0, 8))),
        method=draw(st.sampled_from(["outer_join", "inner_join", "forward_fill"])),
    )
    limits = {name: draw(st.sampled_from([1.0, 4.5, 10.0, 60.0])) for name in tickers}
    thresholds = {name: draw(st.sampled_from([0.5, 1.5, 3.0])) for name in tickers}
    warnings = {name: threshold + draw(st.sampled_from([0.0, 1.0])) for name, threshold in thresholds.items()}
    fields = draw(st.sampled_from([("open", "close"), ("volume",)]))
    return call, limits, thresholds, warnings, fields


@given(question=questions())
@examples(8, 50)
def test_counts_are_those_of_the_macros(store, question):
    call, limits, thresholds, warnings, fields = question
    with store.repository.connection() as connection:
        chosen = plan_fast_path(read_store_facts(connection), call)
        assert chosen is not None
        assert supports_inline_checks(chosen, call)
        watch = InlineChecks(chosen.buckets, limits, thresholds, warnings)
        assemble(connection, call, fields, AssemblyOptions(observer=watch))
        gaps: Counter[str] = Counter()
        outliers: Counter[str] = Counter()
        warned: Counter[str] = Counter()
        for name in call.tickers:
            gaps[name] = _count(connection, call, name, "validation.gaps", limits[name])
            outliers[name] = _count(connection, call, name, "validation.outliers", thresholds[name])
            warned[name] = _count(connection, call, name, "validation.outliers", warnings[name])
    if call.interval.is_intraday:
        assert watch.gap_counts == gaps
    else:
        assert watch.gap_counts == {}
    assert watch.outlier_counts == outliers
    assert watch.warned_counts == warned


def _count(connection, call, name, statement, limit):
    parameters = call.common_parameters() | {"tickers": [name], "limit": limit}
    for unused in ("anchor", "adjust", *(["session"] if statement == "validation.gaps" else [])):
        del parameters[unused]
    if statement == "validation.outliers":
        parameters["trailing_bars"] = None
    elif not call.interval.is_intraday:
        return 0
    return connection.sql(sqlfiles.load(statement), params=parameters).to_arrow_table().num_rows


def test_the_sample_has_gaps_and_outliers_to_be_counted(store):
    call = AlignRequest.parse(["FULL", "HOLEY", "RARE"], "1min", "2023-11-22", "2023-11-27")
    with store.repository.connection() as connection:
        chosen = plan_fast_path(read_store_facts(connection), call)
        assert chosen is not None
        watch = InlineChecks(chosen.buckets, {"HOLEY": 1.0, "RARE": 1.0}, {"FULL": 3.0}, {"FULL": 3.0})
        assemble(connection, call, ("close",), AssemblyOptions(observer=watch))
    assert watch.gap_counts["HOLEY"] > 50
    assert watch.gap_counts["RARE"] >= 6
    assert watch.outlier_counts["FULL"] > 5


@pytest.mark.parametrize(
    ("start", "end", "options"),
    [
        ("2023-11-22T10:00", "2023-11-24", {}),
        (None, "2023-11-24", {}),
        ("2023-11-22", "2023-11-24", {"session": "all"}),
        ("2023-11-22", "2023-11-24", {"anchor": "midnight"}),
    ],
)
def test_calls_that_cut_sessions_or_go_beyond_them_are_left_to_the_macros(store, start, end, options):
    call = AlignRequest.parse(["FULL"], "1min", start, end, **options)
    with store.repository.connection() as connection:
        chosen = plan_fast_path(read_store_facts(connection), call)
    assert chosen is not None
    assert not supports_inline_checks(chosen, call)
