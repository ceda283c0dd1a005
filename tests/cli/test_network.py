"""`mtstore ingest --config`, `--plan` and `update`, against a local server that speaks the vendor's protocol."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

import mtstore
from tests.servers.polygon import PolygonServer, minutes

TICKERS = ("AAPL", "MSFT")
WEEK = ("--start", "2024-03-04", "--end", "2024-03-08")


@pytest.fixture
def vendor(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with PolygonServer() as server:
        monkeypatch.setenv("POLYGON_API_KEY", next(iter(server.keys)))
        for ticker in TICKERS:
            days = [date(2024, 3, 1) + timedelta(days=n) for n in range(20)]
            server.companies[ticker].minutes = [
                row for day in days if day.weekday() < 5 for row in minutes(day.isoformat(), 30, first_price=100.0)
            ]
        yield server


@pytest.fixture
def config(vendor, tmp_path):
    path = tmp_path / "polygon.yaml"
    path.write_text(
        "multi_ticker:\n"
        f"  tickers: [{', '.join(TICKERS)}]\n"
        "sources:\n"
        f"  polygon: {{provider: polygon, base_url: '{vendor.url}', timeout_seconds: 20}}\n"
    )
    return path


def bars_of(store):
    with mtstore.open(store) as opened:
        return dict(opened.sql("SELECT ticker, count(*) FROM bars GROUP BY ticker").fetchall())


def test_ingest_with_a_configuration_fetches_once_and_then_nothing(mtstore_cli, vendor, config, tmp_path):
    store = tmp_path / "store"
    first = mtstore_cli("ingest", store, "--config", config, *WEEK, "--create")
    assert first.code == 0, first.err
    assert first.out == ""
    assert "2 of 2 tickers complete: 300 bars" in first.err
    assert bars_of(store) == {"AAPL": 150, "MSFT": 150}
    asked = len(vendor.requests)
    again = mtstore_cli("ingest", store, "--config", config, *WEEK)
    assert again.code == 0
    assert "0 bars in 0 requests" in again.err
    assert len(vendor.requests) == asked


def test_what_was_fetched_makes_room_for_itself(mtstore_cli, config, tmp_path):
    store = tmp_path / "store"
    assert mtstore_cli("ingest", store, "--config", config, *WEEK, "--create").code == 0
    cache = "  cache: {max_size_gb: 1.0e-9, evict: refetchable}\nsources:\n"
    config.write_text(config.read_text().replace("sources:\n", cache))
    updated = mtstore_cli("update", store, "--config", config, "--quiet")
    assert updated.code == 0, updated.err
    assert "size limit: removed 0.0 MB of cached results and 2 partitions" in updated.err
    assert bars_of(store) == {}
    again = mtstore_cli("ingest", store, "--config", config, *WEEK)
    assert "size limit: removed 0.0 MB of cached results and 2 partitions" in again.err


def test_plan_says_what_would_be_asked_and_asks_nothing(mtstore_cli, vendor, config, tmp_path):
    planned = mtstore_cli("ingest", tmp_path / "store", "--config", config, *WEEK, "--create", "--plan")
    assert planned.code == 0
    *lines, last = planned.out.splitlines()
    assert sorted(line.split("  ")[3] for line in lines) == ["AAPL", "MSFT"]
    assert all(line.startswith("polygon  ohlcv-1m  [2024-03-04T") for line in lines)
    assert last == "polygon  reference  splits, dividends and details  AAPL,MSFT  6"
    assert "8 requests at most, an unknown number of bytes, 0.00 USD" in planned.err
    assert vendor.requests == []
    assert bars_of(tmp_path / "store") == {}
    assert mtstore_cli("ingest", tmp_path / "store", "--config", config, *WEEK).code == 0
    assert len(vendor.requests) == 8
    again = mtstore_cli("ingest", tmp_path / "store", "--config", config, *WEEK, "--plan")
    assert (again.out, "0 requests at most, 0 bytes" in again.err) == ("", True)


def test_update_goes_on_from_the_last_coverage(mtstore_cli, config, tmp_path):
    store = tmp_path / "store"
    assert mtstore_cli("ingest", store, "--config", config, *WEEK, "--create").code == 0
    updated = mtstore_cli("update", store, "--config", config, "--quiet")
    assert updated.code == 0, updated.err
    assert bars_of(store) == {"AAPL": 390, "MSFT": 390}


def test_update_of_a_ticker_never_asked_for_says_what_to_do(mtstore_cli, config, tmp_path):
    assert mtstore_cli("init", tmp_path / "store").code == 0
    updated = mtstore_cli("update", tmp_path / "store", "--config", config)
    assert updated.code == 7
    assert "AAPL: not fetched: " in updated.err


def test_a_refused_key_is_one_line_a_ticker_without_the_key(mtstore_cli, vendor, config, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", "wrong-key-123")
    refused = mtstore_cli("ingest", tmp_path / "store", "--config", config, *WEEK, "--create")
    assert refused.code == 7
    assert refused.err.count("not fetched") == 2
    assert "wrong-key-123" not in refused.err


def test_a_key_that_is_not_set_is_one_line_and_no_request(mtstore_cli, vendor, config, tmp_path, monkeypatch):
    store = tmp_path / "store"
    monkeypatch.delenv("POLYGON_API_KEY")
    refused = mtstore_cli("ingest", store, "--config", config, *WEEK, "--create")
    assert refused.code == 7
    told = "the environment variable POLYGON_API_KEY is not set; it must hold the vendor's key"
    assert refused.err.count(told) == 2
    assert f"AAPL, MSFT: not fetched: {told}" in refused.err
    assert f"AAPL, MSFT: splits, dividends and details did not come: {told}" in refused.err
    assert vendor.requests == []


def test_what_is_covered_needs_no_key(mtstore_cli, vendor, config, tmp_path, monkeypatch):
    store = tmp_path / "store"
    assert mtstore_cli("ingest", store, "--config", config, *WEEK, "--create").code == 0
    vendor.forget()
    monkeypatch.delenv("POLYGON_API_KEY")
    again = mtstore_cli("ingest", store, "--config", config, *WEEK)
    assert (again.code, vendor.requests) == (0, [])
    wider = mtstore_cli("ingest", store, "--config", config, "--start", "2024-03-01", "--end", "2024-03-08")
    assert (wider.code, vendor.requests) == (7, [])
    assert "AAPL, MSFT: not fetched: the environment variable POLYGON_API_KEY is not set" in wider.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["FILE.csv", "--config", "x.yaml", "--start", "2024-03-04"], "PATH is for files"),
        (["--config", "x.yaml", "--start", "2024-03-04", "--map", "m.yaml"], "--map is for files"),
        (["--start", "2024-03-04"], "give files to ingest"),
        (["FILE.csv", "--plan"], "go with --config"),
        ([], "give files to ingest"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(mtstore_cli, tmp_path, arguments, told):
    assert mtstore_cli("init", tmp_path / "store").code == 0
    outcome = mtstore_cli("ingest", tmp_path / "store", *arguments)
    assert outcome.code == 2
    assert told in outcome.err


def test_a_configuration_without_a_start_is_refused(mtstore_cli, config, tmp_path):
    outcome = mtstore_cli("ingest", tmp_path / "store", "--config", config, "--create")
    assert outcome.code == 2
    assert "--start" in outcome.err
