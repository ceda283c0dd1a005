"""A plan whose history begins later than the request: what the vendor left out is not covered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import mtstore
from mtstore.ingest.network.ingest_network import ingest_network, plan_network
from mtstore.loader.load.fetch_missing import FetchWarning
from tests.servers.configs import config_for, vendors_for
from tests.servers.polygon import KEY, minutes
from tests.servers.words import span, us

DAYS = ("2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12")
CLIPPED = "clipped by the vendor: Your plan doesn't include this data timeframe. Please upgrade."
COVERAGE = "SELECT result, epoch_us(start_ts), epoch_us(end_ts), reason FROM coverage ORDER BY start_ts"


@pytest.fixture
def load(store, polygon, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    polygon.companies["AAPL"].minutes = [row for day in DAYS for row in minutes(day, 390)]
    polygon.history_starts_ms = us("2024-03-07T05:00") // 1000

    def run(start="2024-03-04", end="2024-03-12", *, is_plan=False, **changes):
        config = config_for(polygon, ["AAPL"], **changes)
        options: dict[str, Any] = {"vendors": vendors_for(config), "with_references": False}
        return (plan_network if is_plan else ingest_network)(store.repository, config, start, end, **options)

    return run


def test_sessions_that_the_plan_leaves_out_are_not_covered(load, store, polygon):
    outcome = load().tickers["AAPL"]
    assert outcome.failed == (span("2024-03-04T05:00", "2024-03-07T05:00"),)
    assert (outcome.error, outcome.rows, len(polygon.requests)) == (CLIPPED, 4 * 390, 2)
    assert store.sql(COVERAGE).fetchall() == [
        ("failed", us("2024-03-04T05:00"), us("2024-03-07T05:00"), CLIPPED),
        ("complete", us("2024-03-07T05:00"), us("2024-03-13T04:00"), None),
    ]
    gaps = store.sql(
        "SELECT DISTINCT reason, ledger_reason FROM gaps(['AAPL'], 5, start_ts := DATE '2024-03-04', end_ts := NULL)"
    )
    assert gaps.fetchall() == [("failed", CLIPPED)]


def test_clipped_sessions_are_requested_again_after_ttl_days_and_reported_until_then(load, store, polygon):
    load()
    polygon.forget()
    again = load()
    assert (polygon.requests, again.is_complete) == ([], False)
    assert (again.tickers["AAPL"].error, again.tickers["AAPL"].failed) == (
        CLIPPED,
        (span("2024-03-04T05:00", "2024-03-07T05:00"),),
    )
    planned = load(is_plan=True)
    assert (planned.fetches, planned.cached, planned.errors) == ((), (), {"AAPL": CLIPPED})
    [(seconds,)] = store.sql("SELECT epoch(fresh_until - fetched_at) FROM coverage WHERE result = 'failed'").fetchall()
    assert seconds == 7 * 86_400
    mtstore.CacheManager(config_for(polygon, ["AAPL"]), store=store).invalidate("AAPL")
    polygon.history_starts_ms = None
    assert load().is_complete
    assert store.sql("SELECT count(*) FROM bars").fetchall() == [(7 * 390,)]


def test_load_of_clipped_sessions_warns(load, store, polygon):
    load()
    config = {
        "multi_ticker": {"store": str(store.path), "tickers": ["AAPL"], "validation": {"enabled": False}},
        "sources": {"polygon": {"provider": "polygon", "base_url": polygon.url}},
    }
    with mtstore.MultiTickerDataLoader(config) as loads, pytest.warns(FetchWarning, match="clipped by the vendor"):
        loads.load_data("2024-03-04", "2024-03-08")


def test_holidays_before_the_first_bar_are_no_missing_sessions(load, polygon):
    polygon.history_starts_ms = None
    polygon.companies["AAPL"].minutes = minutes("2024-02-20", 10)
    assert load("2024-02-17", "2024-02-20").is_complete
    assert len(polygon.requests) == 1


def test_late_first_bar_of_a_quiet_ticker_is_covered(load, polygon):
    polygon.history_starts_ms = us("2023-01-01") // 1000
    polygon.companies["AAPL"].minutes = minutes("2024-03-06", 10)
    assert load("2024-03-04", "2024-03-06").is_complete
    assert len(polygon.requests) == 2
    at = datetime.fromtimestamp(int(polygon.requests[-1].path.split("/")[-1]) / 1000, UTC)
    assert at < datetime(2024, 3, 5, 5, tzinfo=UTC)


def test_broken_rows_of_the_first_sessions_are_an_answer(load, polygon):
    polygon.history_starts_ms = None
    for row in polygon.companies["AAPL"].minutes[: 2 * 390]:
        row["c"] = None
    report = load()
    assert (report.tickers["AAPL"].quarantined_rows, report.is_complete) == (2 * 390, True)
