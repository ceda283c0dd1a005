"""Paid loads into a real store: what is asked, what is confirmed, what is spent, and what need not be bought again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore.bars import SymbolSpan
from mtstore.errors import CostLimitError
from mtstore.ingest.network.ingest_network import ingest_network, plan_network
from mtstore.ingest.network.symbology import merge_spans
from mtstore.storage.settings.ticker_metadata import read_metadata
from tests.servers import faults
from tests.servers.configs import config_for, vendors_for
from tests.servers.databento import KEY, bars
from tests.servers.leaks import assert_in_no_table_or_file, watched
from tests.servers.words import us

STALE = {"cache": {"ttl_days": 0, "settle_days": None}}


@pytest.fixture
def market(databento):
    for place, ticker in enumerate(("AAPL", "MSFT")):
        rows = databento.list_symbol(ticker).bars["ohlcv-1m"]
        for day in ("2024-03-04", "2024-03-05", "2024-03-06"):
            rows += bars(f"{day}T14:30", 30, first_price=100.0 * (place + 1))
    databento.dollars_per_record = 0.01
    return databento


@pytest.fixture
def load(store, market, monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)

    def run(
        start="2024-03-04", end="2024-03-05", tickers=("AAPL", "MSFT"), *, max_cost_usd=100, options=None, **changes
    ):
        config = config_for(
            market, tickers, provider="databento", sources={"db": {"max_cost_usd": max_cost_usd}}, **changes
        )
        return ingest_network(store.repository, config, start, end, vendors=vendors_for(config), **(options or {}))

    return run


def methods(server):
    return [request.path.split(".")[-1] for request in server.requests]


def test_tickers_that_need_the_same_ranges_share_one_paid_request(load, market, store):
    report = load()
    assert methods(market) == [
        "get_dataset_range",
        "get_record_count",
        "get_cost",
        "get_dataset_condition",
        "get_range",
    ]
    assert market.requests[-1].form["symbols"] == "AAPL,MSFT"
    assert {name: outcome.rows for name, outcome in report.tickers.items()} == {"AAPL": 60, "MSFT": 60}
    assert report.cost_usd == pytest.approx(1.2)
    assert store.sql("SELECT ticker, count(*) FROM bars GROUP BY ALL ORDER BY ALL").fetchall() == [
        ("AAPL", 60),
        ("MSFT", 60),
    ]
    market.forget()
    assert load().cost_usd == 0
    assert market.requests == []


def test_only_what_is_new_is_paid_for(load, market):
    load("2024-03-04", "2024-03-04", ["AAPL"])
    report = load("2024-03-04", "2024-03-05")
    assert report.cost_usd == pytest.approx(0.3 + 0.6)


def test_cost_above_limit_raises_before_any_fetch(load, market, store):
    with pytest.raises(CostLimitError, match=r"costs \$1.20, more than the \$0.00 allowed by sources.db.max_cost_usd"):
        load(max_cost_usd=0)
    assert "get_range" not in methods(market)
    assert store.sql("SELECT count(*) FROM ingest_runs").fetchall() == [(0,)]


def test_cost_that_is_confirmed_is_spent(load, market):
    asked = []

    def confirm(dollars):
        asked.append(dollars)
        return True

    assert load(max_cost_usd=0, options={"confirm_cost": confirm}).cost_usd == pytest.approx(1.2)
    assert asked == [pytest.approx(1.2)]


def test_cost_that_is_not_confirmed_is_not_spent(load, market):
    with pytest.raises(CostLimitError):
        load(max_cost_usd=1, options={"confirm_cost": lambda dollars: False})
    assert "get_range" not in methods(market)


def test_plan_gives_records_bytes_and_dollars_without_buying(load, market, store):
    config = config_for(market, ["AAPL"], provider="databento", sources={"db": {}})
    plan = plan_network(store.repository, config, "2024-03-04", "2024-03-05", vendors=vendors_for(config))
    [fetch] = plan.fetches
    assert (fetch.records, fetch.bytes) == (60, 60 * 56)
    assert fetch.cost_usd == pytest.approx(0.6)
    assert "get_range" not in methods(market)


def test_stale_days_that_did_not_change_are_renewed_and_not_bought_again(load, market, store):
    load(**STALE)
    market.conditions = {date(2024, 3, 5): ("available", date.today().isoformat())}  # noqa: DTZ011
    market.forget()
    report = load(**STALE)
    # Sessions of New York's days reach into the next day of UTC.
    assert methods(market) == [
        "get_dataset_condition",
        "get_dataset_range",
        "get_record_count",
        "get_cost",
        "get_dataset_condition",
        "get_range",
    ]
    sent = market.requests[-1].form
    assert (int(sent["start"]) // 1000, int(sent["end"]) // 1000) == (us("2024-03-05"), us("2024-03-06"))
    assert report.cost_usd == pytest.approx(0.6)
    unchanged = report.tickers["AAPL"].unchanged
    assert [(r.start_us, r.end_us) for r in unchanged] == [
        (us("2024-03-04T05:00"), us("2024-03-05")),
        (us("2024-03-06"), us("2024-03-06T05:00")),
    ]
    assert store.sql("SELECT count(*) FROM bars").fetchall() == [(120,)]


def test_renewal_alone_buys_nothing_and_lasts(load, market, store):
    load(**STALE)
    assert load(cache={"ttl_days": 7, "settle_days": None}).cost_usd == 0
    market.forget()
    load(cache={"ttl_days": 7, "settle_days": None})
    assert market.requests == []


def test_ticker_that_does_not_resolve_is_noted_and_remembered(load, market):
    report = load(tickers=["AAPL", "NOPE"])
    assert report.tickers["NOPE"].notes == ["the vendor resolves NOPE on no day of the range"]
    market.forget()
    load(tickers=["AAPL", "NOPE"])
    assert market.requests == []


def test_rejected_rows_are_fetched_again_at_once(load, market, store):
    rows = market.list_symbol("AAPL").bars["ohlcv-1m"]
    at, price, *rest = rows[7]
    rows[7] = (at, None, *rest)
    assert load(tickers=["AAPL"]).rows == 59
    reasons = store.sql("SELECT result, reason FROM coverage WHERE ticker = 'AAPL' ORDER BY start_ts").fetchall()
    assert [result for result, _ in reasons] == ["complete", "partial", "complete"]
    assert [reason is None for _, reason in reasons] == [True, False, True]
    rows[7] = (at, price, *rest)
    report = load(tickers=["AAPL"])
    assert (report.rows, report.cost_usd) == (1, pytest.approx(0.01))
    assert store.sql("SELECT count(*) FROM bars").fetchall() == [(60,)]


def test_truncated_stream_is_bought_again_within_the_budget(load, market, store):
    market.plan(faults.cut_stream, when=lambda request: request.path.endswith("get_range"))
    report = load(max_cost_usd=10)
    assert report.is_complete
    assert report.cost_usd == pytest.approx(2.4)
    assert store.sql("SELECT count(*) FROM bars").fetchall() == [(120,)]


def test_budget_too_small_for_a_second_try_is_an_error_in_the_report(load, market, store):
    market.plan(faults.cut_stream, times=9, when=lambda request: request.path.endswith("get_range"))
    report = load(max_cost_usd=2)
    assert {type(outcome.exception) for outcome in report.failed} == {CostLimitError}
    assert methods(market).count("get_range") == 1
    assert store.sql("SELECT count(*) FROM bars").fetchall() == [(0,)]


def test_forced_refresh_buys_what_did_not_change(load, market):
    load(tickers=["AAPL"])
    assert load(tickers=["AAPL"], options={"refresh_all": True}).cost_usd == pytest.approx(0.6)


def test_source_whose_costs_cannot_be_learned_fails_alone_and_fetches_nothing(load, market):
    market.plan(faults.status(500), times=99, when=lambda request: request.path.endswith("get_cost"))
    report = load()
    assert [outcome.ticker for outcome in report.failed] == ["AAPL", "MSFT"]
    assert "cost of AAPL" in report.tickers["AAPL"].error
    assert "get_range" not in methods(market)


def test_the_key_is_in_no_table_file_log_or_output_of_a_load(load, store, caplog, capfd):
    caplog.set_level("DEBUG")
    with watched(KEY, store):
        report = load()
    printed = capfd.readouterr()
    assert KEY not in f"{caplog.text}{printed.out}{printed.err}{report!r}"
    assert_in_no_table_or_file(KEY, store)


def test_instruments_of_a_ticker_are_stored_with_dates(load, market, store):
    market.list_symbol("AAPL").renumbered[date(2024, 3, 5)] = 2_000
    market.instruments["MSFT"] = replace(market.list_symbol("MSFT"), listed=date(2024, 3, 5))
    load("2024-03-04", "2024-03-05")
    load("2024-03-06", "2024-03-06")
    expected = {  # the last day ends at midnight in New York, in the next day of UTC
        "AAPL": [("2024-03-04", "2024-03-05", 1_000), ("2024-03-05", "2024-03-08", 2_000)],
        "MSFT": [("2024-03-05", "2024-03-08", 1_001)],
    }

    def kept():
        return {
            ticker: [(one["start"], one["end"], one["instrument_id"]) for one in known["db"]["symbology"]]
            for ticker, known in read_metadata(store.repository).items()
        }

    assert kept() == expected
    in_sql = "SELECT metadata->'$.db.symbology[1].instrument_id' FROM tickers WHERE ticker = 'AAPL'"
    assert store.sql(in_sql).fetchall() == [("2000",)]
    market.list_symbol("AAPL").renumbered[date(2024, 3, 6)] = 3_000
    load("2024-03-06", "2024-03-06", ["AAPL"], options={"refresh_all": True})
    expected["AAPL"] = [*expected["AAPL"][:1], ("2024-03-05", "2024-03-06", 2_000), ("2024-03-06", "2024-03-08", 3_000)]
    assert kept() == expected
    store.rebuild()
    assert kept() == expected
    snapshot = store.repository.layout.newest_snapshot()
    load("2024-03-04", "2024-03-06")
    assert store.repository.layout.newest_snapshot() == snapshot


days = st.integers(0, 12).map(lambda number: date(2024, 3, 1) + timedelta(days=number))
spans = st.lists(st.tuples(days, days, st.integers(1, 3)).filter(lambda one: one[0] < one[1]), max_size=4)


@given(known=spans, newer=spans)
def test_newer_symbology_replaces_older_day_by_day(known, newer):
    def by_day(spans):
        return {
            start + timedelta(days=number): name for start, end, name in spans for number in range((end - start).days)
        }

    base = merge_spans([], [SymbolSpan(*one) for one in known])
    found = merge_spans(base, [SymbolSpan(*one) for one in newer])
    assert by_day(found) == by_day(known) | by_day(newer)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(
        before.end < after.start or before.instrument_id != after.instrument_id for before, after in pairwise(found)
    )
