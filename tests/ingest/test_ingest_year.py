"""Ten tickers and a year of minutes: cold, warm and extended, killed and resumed, with the requests that each takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import mtstore
from mtstore.ingest.network.ingest_network import ingest_network
from tests.kits.time_limit import time_limit
from tests.servers import faults
from tests.servers.configs import config_for, vendors_for
from tests.servers.databento import KEY as DATABENTO_KEY
from tests.servers.databento import bars
from tests.servers.polygon import KEY, bar, day_ms

GUIDE = Path(__file__).resolve().parents[2] / "mtstore" / "docs" / "vendors.md"
TICKERS = [f"T{n}" for n in range(10)]
SCRIPT = """
import json, sys
import mtstore
from mtstore.config import load_config
from mtstore.ingest.network.ingest_network import ingest_network
given = json.loads(sys.argv[1])
with mtstore.open(given["store"], create=True) as store:
    print("ready", flush=True)
    ingest_network(
        store.repository, load_config(given["config"]), *given["range"], with_references=False,
        progress=lambda one: print(one.done, flush=True),
    )
"""


def trading_days(first: date, last: date):
    day = first
    while day <= last:
        if day.weekday() < 5:
            yield day
        day += timedelta(days=1)


def fill(server, first: date, last: date, *, bars_a_day: int) -> int:
    """Bars from 04:00 New York on, every weekday; gives how many a ticker has."""
    rows = []
    for day in trading_days(first, last):
        opened = day_ms(day) + 4 * 3_600_000
        rows += [bar(opened + 60_000 * i, 100 + i % 7) for i in range(bars_a_day)]
    for ticker in TICKERS:
        server.companies[ticker].minutes = rows
    return len(rows)


# The loads of the table in the guide: a year, the same again, two weeks more at either end, the same again.
LOADS = {
    "2023": ("2023-01-01", "2023-12-31"),
    "2023 again": ("2023-01-01", "2023-12-31"),
    "2022-12-15 to 2024-01-15": ("2022-12-15", "2024-01-15"),
    "the same again": ("2022-12-15", "2024-01-15"),
}


def documented_counts(column: int) -> dict[str, int]:
    """Return the documented number of requests of one vendor by load."""
    text = GUIDE.read_text(encoding="utf-8")
    rows = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    return {row[0]: int(row[column]) for row in cells if row[0] in LOADS}


def measured(server, store, config) -> dict[str, int]:
    """How many requests each load makes, one after the other."""
    vendors = vendors_for(config)
    counts = {}
    for name, (start, end) in LOADS.items():
        server.forget()
        report = ingest_network(store.repository, config, start, end, vendors=vendors, with_references=False)
        assert report.is_complete
        assert report.requests == len(server.requests)
        counts[name] = len(server.requests)
    return counts


@pytest.mark.slow
def test_ten_tickers_and_a_year_of_polygon_cold_warm_and_extended(polygon, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    count = fill(polygon, date(2022, 12, 1), date(2024, 1, 31), bars_a_day=800)
    config = config_for(polygon, TICKERS, sources={"polygon": {"timeout_seconds": 30}})
    with mtstore.open(tmp_path / "store", create=True) as store:
        counts = measured(polygon, store, config)
        # 260 weekdays of 800 bars are 208,000: five pages of 50,000 for each ticker; then a page at either end.
        assert list(counts.values()) == [10 * 5, 0, 10 * 2, 0]
        assert counts == documented_counts(1)
        stored = store.sql("SELECT count(*) / 10 FROM bars").fetchall()[0][0]
        days = len(list(trading_days(date(2022, 12, 15), date(2024, 1, 15))))
        assert stored == days * 800 < count


@pytest.mark.slow
def test_ten_tickers_and_a_year_of_databento_cold_warm_and_extended(databento, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", DATABENTO_KEY)
    for ticker in TICKERS:
        rows = databento.list_symbol(ticker).bars["ohlcv-1m"]
        for day in trading_days(date(2022, 12, 1), date(2024, 1, 31)):
            rows += bars(f"{day}T15:00", 20)
    sources = {"db": {"timeout_seconds": 30, "max_cost_usd": 1}}
    config = config_for(databento, TICKERS, provider="databento", sources=sources)
    with mtstore.open(tmp_path / "store", create=True) as store:
        counts = measured(databento, store, config)
        assert counts == documented_counts(2)
        assert counts["2023 again"] == counts["the same again"] == 0
        days = len(list(trading_days(date(2022, 12, 15), date(2024, 1, 15))))
        assert store.sql("SELECT count(*) FROM bars").fetchall() == [(10 * days * 20,)]


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 4, 7])
def test_killed_backfill_goes_on_where_it_was(polygon, tmp_path, monkeypatch, after):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    monkeypatch.setattr("mtstore.storage.commit.writer.COMMIT_EVERY_SECONDS", 0.0)
    fill(polygon, date(2023, 1, 2), date(2023, 2, 1), bars_a_day=50)
    config = {
        "multi_ticker": {"tickers": TICKERS},
        "sources": {"polygon": {"provider": "polygon", "base_url": polygon.url, "max_concurrency": 1}},
    }
    given: dict[str, Any] = {"store": str(tmp_path / "store"), "config": config, "range": ["2023-01-01", "2023-01-31"]}
    script = f"import mtstore.storage.commit.writer as w; w.COMMIT_EVERY_SECONDS = 0.0\n{SCRIPT}"
    with subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(given)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as running:
        while running.stdout and running.stdout.readline().strip() != str(after):
            pass
        running.send_signal(signal.SIGKILL)
    polygon.forget()
    with mtstore.open(given["store"]) as store:
        loaded = config_for(polygon, TICKERS)
        report = ingest_network(
            store.repository, loaded, *given["range"], vendors=vendors_for(loaded), with_references=False
        )
        assert report.is_complete
        assert 10 - after - 2 <= len(polygon.requests) <= 10 - after + 1
        found = store.sql("SELECT ticker, count(*), count(DISTINCT ts_event) FROM bars GROUP BY ticker").fetchall()
        assert sorted(found) == [(ticker, 22 * 50, 22 * 50) for ticker in TICKERS]


@pytest.mark.slow
def test_interrupt_ends_a_load_within_two_seconds_and_it_resumes(polygon, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    fill(polygon, date(2023, 1, 2), date(2023, 2, 1), bars_a_day=50)
    polygon.plan(faults.hang(), times=100, when=lambda request: "/T5/" in request.path)
    config = {
        "multi_ticker": {"tickers": TICKERS},
        "sources": {"polygon": {"provider": "polygon", "base_url": polygon.url, "max_concurrency": 1}},
    }
    given: dict[str, Any] = {"store": str(tmp_path / "store"), "config": config, "range": ["2023-01-01", "2023-01-31"]}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(given)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        while not any("/T5/" in line for line in polygon.lines):
            time.sleep(0.02)
        time.sleep(0.2)
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=10)
        assert time.monotonic() - began < time_limit(2)
        assert "KeyboardInterrupt" in errors
    polygon._planned.clear()
    with mtstore.open(given["store"]) as store:
        loaded = config_for(polygon, TICKERS)
        assert ingest_network(
            store.repository, loaded, *given["range"], vendors=vendors_for(loaded), with_references=False
        ).is_complete
        assert store.sql("SELECT count(*) FROM bars").fetchall() == [(10 * 22 * 50,)]
