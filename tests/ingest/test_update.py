"""`update` fetches what is new, and again what was fetched before the vendor's data were settled and is stale now."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mtstore.cli.main import run as run_command
from mtstore.ingest.network.fetch_plan import LedgerRow, latest_segments, unsettled_stale
from mtstore.ingest.network.ingest_network import ingest_network, plan_update, update_network
from mtstore.ranges import US_PER_DAY
from tests.servers.configs import config_for, vendors_for
from tests.servers.polygon import KEY
from tests.servers.words import span, us

MINUTE = 60_000_000


@pytest.fixture
def market(polygon, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    return polygon


def fetched(store, market, **cache):
    """Fetch the last ten days; return the configuration and the options of a next run."""
    config = config_for(market, ["AAPL"], cache=cache)
    options: dict[str, Any] = {"vendors": vendors_for(config), "with_references": False}
    start = (datetime.now(UTC) - timedelta(days=10)).date()
    assert ingest_network(store.repository, config, start, **options).is_complete
    market.forget()
    return config, options


def starts(server):
    return sorted(int(request.path.split("/")[-2]) * 1000 for request in server.requests)


def test_stale_answers_of_the_settling_window_are_requested_again(store, market):
    config, options = fetched(store, market, ttl_days=0, settle_days=3)
    began_us = time.time() * 1e6 - 3 * US_PER_DAY
    plan = plan_update(store.repository, config, **options)
    assert market.requests == []
    assert update_network(store.repository, config, **options).is_complete
    [start] = starts(market)
    assert abs(start - began_us) < 2 * MINUTE
    assert [one.range.start_us // MINUTE for one in plan.fetches] == [start // MINUTE - 1]
    [(stale,)] = store.sql("SELECT count(*) FROM cache_index WHERE is_stale").fetchall()
    assert stale == 1


@pytest.mark.parametrize("cache", [{"ttl_days": 7, "settle_days": 3}, {"ttl_days": 0, "settle_days": None}])
def test_fresh_answers_and_all_of_a_history_are_not_requested_again(cache, store, market):
    config, options = fetched(store, market, **cache)
    update_network(store.repository, config, **options)
    assert all(start > time.time() * 1e6 - US_PER_DAY for start in starts(market))


def test_plan_of_an_update_requests_nothing(store, market, tmp_path, capsys):
    fetched(store, market, ttl_days=0, settle_days=3)
    config = tmp_path / "config.yaml"
    config.write_text(
        "multi_ticker: {tickers: [AAPL], cache: {ttl_days: 0, settle_days: 3}}\n"
        f"sources: {{polygon: {{provider: polygon, base_url: '{market.url}'}}}}\n"
    )
    assert run_command(["update", str(store.path), "--config", str(config), "--plan"]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.split("  ")[2].startswith(f"[{datetime.now(UTC) - timedelta(days=3):%Y-%m-%dT}")
    assert market.requests == []


def row(start, end, at, *, result="complete", until=None, order=0):
    fresh_until_us = None if until is None else us(until)
    return LedgerRow((span(start, end),), result, order, us(at), fresh_until_us)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (row("2024-03-07", "2024-03-08T15:14", "2024-03-08T15:30", until="2024-03-15"), True),
        (row("2024-03-07", "2024-03-08T15:14", "2024-03-08T15:30", until="2024-03-19"), False),
        (row("2024-03-07", "2024-03-08T15:14", "2024-03-08T15:30"), False),
        (row("2024-03-07", "2024-03-08T15:14", "2024-03-12", until="2024-03-15"), False),
        (row("2024-03-07", "2024-03-08T15:14", "2024-03-08T15:30", result="partial"), True),
        (row("2024-03-07", "2024-03-08T15:14", "2024-03-08T15:30", result="failed"), True),
    ],
)
def test_what_was_fetched_before_it_was_settled(given, expected):
    found = unsettled_stale(latest_segments([given]), now_us=us("2024-03-18"), settle_days=3)
    assert found == (given.ranges if expected else ())
    assert unsettled_stale(latest_segments([given]), now_us=us("2024-03-18"), settle_days=None) == ()
