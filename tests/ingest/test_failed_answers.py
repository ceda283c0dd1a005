"""Requests that a vendor refuses: each leaves a row in the coverage with the vendor's words, until one succeeds."""

from __future__ import annotations

import pytest

import mtstore
from mtstore.errors import MissingDataError, SourceError
from mtstore.ingest.network.ingest_network import ingest_network
from tests.servers import faults
from tests.servers.configs import config_for, vendors_for
from tests.servers.databento import KEY as DATABENTO_KEY
from tests.servers.databento import bars
from tests.servers.polygon import KEY, minutes

COVERAGE = "SELECT DISTINCT result, reason FROM coverage WHERE start_ts >= TIMESTAMPTZ '2024-03-06 00:00Z' ORDER BY ALL"
GAPS = """SELECT DISTINCT reason, ledger_reason
    FROM gaps(['AAPL'], 5, start_ts := DATE '2024-03-06', end_ts := DATE '2024-03-07')"""


@pytest.fixture
def load(store, polygon, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    for day in ("2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07"):
        polygon.companies["AAPL"].minutes += minutes(day, 390)

    def run(start="2024-03-06", end="2024-03-07", *, on_error="skip", **changes):
        config = config_for(polygon, {"AAPL": {"calendar": "XNYS"}}, **changes)
        return ingest_network(
            store.repository,
            config,
            start,
            end,
            vendors=vendors_for(config),
            with_references=False,
            on_error=on_error,
        )

    return run


@pytest.mark.parametrize("code", [401, 403, 422, 500])
@pytest.mark.parametrize("on_error", ["skip", "raise"])
def test_refused_range_is_in_the_coverage(code, on_error, load, polygon, store):
    load("2024-03-04", "2024-03-05")
    polygon.plan(faults.polygon_error(code, f"no data for {KEY}"), times=4)
    if on_error == "raise":
        with pytest.raises(SourceError):
            load(on_error=on_error)
    else:
        assert not load().is_complete
    reason = f"HTTP {code}: no data for ***"
    assert store.sql(COVERAGE).fetchall() == [("failed", reason)]
    assert store.sql(GAPS).fetchall() == [("failed", reason)]
    polygon._planned.clear()
    assert load().is_complete
    assert store.sql(GAPS).fetchall() == []


def test_load_of_a_refused_range_says_why(load, polygon, store):
    load("2024-03-04", "2024-03-05")
    polygon.plan(faults.polygon_error(403, "not in your plan"))
    load()
    config = {"store": str(store.path), "tickers": {"AAPL": {"calendar": "XNYS"}}, "validation": {"enabled": False}}
    with (
        mtstore.MultiTickerDataLoader(config) as loads,
        pytest.raises(MissingDataError, match="the last request for them failed: AAPL: HTTP 403: not in your plan"),
    ):
        loads.load_data("2024-03-05", "2024-03-07")


def test_refused_renewal_does_not_change_what_older_answers_say(load, polygon, store):
    stale = {"cache": {"ttl_days": 0, "settle_days": None}}
    polygon.companies["AAPL"].minutes = [
        *minutes("2024-03-06", 30),
        *minutes("2024-03-06", 330, start="10:30"),
        *minutes("2024-03-07", 390),
    ]
    load(**stale)
    polygon.plan(faults.polygon_error(500, "down"), times=4)
    load(**stale)
    assert store.sql(COVERAGE).fetchall()[-1] == ("failed", "HTTP 500: down")
    assert store.sql(GAPS).fetchall() == [("asked and no trade", None)]


@pytest.mark.parametrize("on_error", ["skip", "raise"])
def test_key_that_databento_refuses_is_in_the_coverage(on_error, databento, store, monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", DATABENTO_KEY)
    databento.list_symbol("AAPL").bars["ohlcv-1m"] += bars("2024-03-06T14:30", 390)
    databento.keys.clear()
    config = config_for(databento, ["AAPL"], provider="databento", sources={"db": {"max_cost_usd": 100}})

    def run():
        return ingest_network(
            store.repository, config, "2024-03-06", "2024-03-06", vendors=vendors_for(config), on_error=on_error
        )

    if on_error == "raise":
        with pytest.raises(SourceError):
            run()
    else:
        run()
    [(result, reason)] = store.sql(COVERAGE).fetchall()
    assert (result, reason.split(":")[0]) == ("failed", "HTTP 401")


def test_mistyped_dataset_does_not_bind_the_source(databento, store, monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", DATABENTO_KEY)
    databento.list_symbol("AAPL").bars["ohlcv-1m"] += bars("2024-03-06T14:30", 390)
    for dataset, rows in (("XNAS.ITHC", 0), ("XNAS.ITCH", 390)):
        named = {"db": {"max_cost_usd": 100, "dataset": dataset}}
        config = config_for(databento, ["AAPL"], provider="databento", sources=named)
        report = ingest_network(store.repository, config, "2024-03-06", "2024-03-06", vendors=vendors_for(config))
        assert report.rows == rows
