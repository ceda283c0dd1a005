"""Days that Databento calls pending, missing or degraded: which of them are bought, covered, and requested again."""

from __future__ import annotations

from datetime import date

import pytest

from mtstore.ingest.network.ingest_network import ingest_network
from tests.servers.configs import config_for, vendors_for
from tests.servers.databento import KEY, bars
from tests.servers.words import span, us

DAYS = ("2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08")
COVERAGE = "SELECT result, epoch_us(start_ts), epoch_us(end_ts), reason, fresh_until FROM coverage ORDER BY start_ts"


@pytest.fixture
def market(databento):
    databento.list_symbol("AAPL").bars["ohlcv-1m"] = [row for day in DAYS for row in bars(f"{day}T14:30", 10)]
    databento.dollars_per_record = 0.01
    return databento


@pytest.fixture
def load(store, market, monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)

    def run(start="2024-03-04", end="2024-03-07", tickers=("AAPL",), **conditions):
        market.conditions = {date(2024, 3, int(day[1:])): (state, None) for day, state in conditions.items()}
        config = config_for(market, tickers, provider="databento", sources={"db": {"max_cost_usd": 100}})
        return ingest_network(store.repository, config, start, end, vendors=vendors_for(config))

    return run


def stored_days(store):
    return [day for (day,) in store.sql("SELECT DISTINCT strftime(ts_event, '%d') FROM bars ORDER BY 1").fetchall()]


def test_pending_and_missing_days_are_not_covered_and_not_bought(load, market, store):
    report = load(d6="pending", d7="missing")
    outcome = report.tickers["AAPL"]
    assert outcome.fetched == (span("2024-03-04T05:00", "2024-03-06"), span("2024-03-08", "2024-03-08T05:00"))
    assert outcome.failed == outcome.beyond == (span("2024-03-06", "2024-03-08"),)
    assert (report.cost_usd, stored_days(store)) == (pytest.approx(0.4), ["04", "05"])
    assert [row[:4] for row in store.sql(COVERAGE).fetchall()] == [
        ("complete", us("2024-03-04T05:00"), us("2024-03-06"), None),
        ("failed", us("2024-03-06"), us("2024-03-07"), "pending at the vendor: 2024-03-06"),
        ("failed", us("2024-03-07"), us("2024-03-08"), "missing at the vendor: 2024-03-07"),
        ("complete", us("2024-03-08"), us("2024-03-08T05:00"), None),
    ]
    assert load(d7="missing").tickers["AAPL"].rows == 10
    assert load().is_complete
    assert stored_days(store) == ["04", "05", "06", "07"]
    market.forget()
    assert load().is_complete
    assert market.requests == []


def test_absent_days_at_the_ends_are_not_requested(load, market):
    report = load("2024-03-05", "2024-03-06", d5="missing", d6="pending", d7="pending")
    assert (report.cost_usd, report.is_complete) == (0, False)
    assert report.tickers["AAPL"].error == "pending at the vendor: 2024-03-06, 2024-03-07"
    assert not any(request.path.endswith("timeseries.get_range") for request in market.requests)


def test_degraded_days_are_covered_with_a_reason_of_their_own(load, store):
    report = load(d5="degraded")
    assert report.is_complete
    assert report.tickers["AAPL"].notes == ["degraded at the vendor: 2024-03-05"]
    assert store.sql(COVERAGE).fetchall() == [
        ("complete", us("2024-03-04T05:00"), us("2024-03-05"), None, None),
        ("complete", us("2024-03-05"), us("2024-03-06"), "degraded at the vendor: 2024-03-05", None),
        ("complete", us("2024-03-06"), us("2024-03-08T05:00"), None, None),
    ]
    assert stored_days(store) == ["04", "05", "06", "07"]


def test_days_missing_while_the_exchange_is_closed_are_covered(load, market):
    weekend = load("2024-03-08", "2024-03-10", d9="missing", d10="missing")
    assert weekend.is_complete
    market.forget()
    assert load("2024-03-08", "2024-03-10").is_complete
    assert market.requests == []


def test_ticker_that_does_not_resolve_is_not_covered_on_pending_days(load):
    outcome = load("2024-03-05", "2024-03-06", tickers=["NOPE"], d5="degraded", d6="pending").tickers["NOPE"]
    assert outcome.failed == (span("2024-03-06", "2024-03-07"),)
    reasons = ["the vendor resolves NOPE on no day of the range; degraded at the vendor: 2024-03-05"]
    assert outcome.notes == [*reasons, "the vendor resolves NOPE on no day of the range"]
