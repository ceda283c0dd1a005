"""Processes killed while they fetch: what was answered more than a few seconds before is not requested again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

import mtstore
from mtstore.ingest.network.ingest_network import ingest_network, plan_network
from mtstore.ranges import union
from mtstore.sources.http.request import RequestContext
from tests.servers import faults
from tests.servers.configs import config_for, vendors_for
from tests.servers.databento import KEY as DATABENTO_KEY
from tests.servers.databento import bars
from tests.servers.polygon import KEY, minutes
from tests.servers.words import span

SCRIPT = """
import json, sys
import mtstore
from mtstore.config import load_config
from mtstore.ingest.network.ingest_network import ingest_network

given = json.loads(sys.argv[1])
with mtstore.open(given["store"], create=True) as store:
    ingest_network(
        store.repository, load_config(given["config"]), *given["range"], with_references=False, confirm_cost=True
    )
"""


def weekdays(first: date, last: date) -> list[date]:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5]


def killed(store, config, start: str, end: str, when: Callable[[], bool]) -> None:
    """Fetch in a process of its own, and kill it as soon as `when` holds."""
    given = json.dumps({"store": str(store), "config": config, "range": [start, end]})
    with subprocess.Popen([sys.executable, "-c", SCRIPT, given], env=dict(os.environ)) as running:
        while not when():
            assert running.poll() is None
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)


def hang_from_download(databento, number: int) -> None:
    """Let the vendor not answer from its download `number` on."""
    seen = [0]

    def is_reached(request) -> bool:
        seen[0] += request.path.endswith("timeseries.get_range")
        return seen[0] >= number

    databento.plan(faults.hang(), times=9, when=is_reached)


def test_answers_before_the_last_seconds_are_not_requested_again(polygon, tmp_path, monkeypatch):
    """Two tickers of four pages each, of which the vendor gives five at once and the others a minute later."""
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    for ticker in ("A", "B"):
        days = weekdays(date(2023, 1, 2), date(2023, 1, 6))
        polygon.companies[ticker].minutes = [row for day in days for row in minutes(str(day), 390)]
    polygon.page_limit = 500
    limited = {"provider": "polygon", "base_url": polygon.url, "max_concurrency": 1, "requests_per_minute": 5}
    config = {"multi_ticker": {"tickers": ["A", "B"]}, "sources": {"polygon": limited}}
    store = tmp_path / "store"

    def has_waited() -> bool:
        return len(polygon.requests) >= 5 and time.monotonic() - polygon.requests[4].at > 4

    killed(store, config, "2023-01-02", "2023-01-06", has_waited)
    answered = [request.path for request in polygon.requests]
    assert len(answered) == 5
    polygon.forget()
    loaded = config_for(polygon, ["A", "B"])
    with mtstore.open(store) as found:
        report = ingest_network(
            found.repository, loaded, "2023-01-02", "2023-01-06", vendors=vendors_for(loaded), with_references=False
        )
        assert report.is_complete
        assert len(polygon.requests) == 3
        counts = found.sql("SELECT ticker, count(*), count(DISTINCT ts_event) FROM bars GROUP BY ALL ORDER BY ALL")
        assert counts.fetchall() == [("A", 5 * 390, 5 * 390), ("B", 5 * 390, 5 * 390)]


def test_recent_answers_are_committed_with_the_others(polygon, tmp_path, monkeypatch):
    """Both tickers have days that are not settled yet; the third ticker does not answer."""
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    today = date.today()  # noqa: DTZ011 - the store's clock is the machine's
    polygon.plan(faults.hang(), times=9, when=lambda request: "/C/" in request.path)
    config = {
        "multi_ticker": {"tickers": ["A", "B", "C"]},
        "sources": {"polygon": {"provider": "polygon", "base_url": polygon.url, "max_concurrency": 1}},
    }
    days = (str(today - timedelta(days=10)), str(today - timedelta(days=1)))

    def hangs() -> bool:
        return len(polygon.requests) == 3 and time.monotonic() - polygon.requests[2].at > 3

    killed(tmp_path / "store", config, *days, hangs)
    polygon.forget()
    loaded = config_for(polygon, ["A", "B"])
    with mtstore.open(tmp_path / "store") as found:
        ingest_network(found.repository, loaded, *days, vendors=vendors_for(loaded), with_references=False)
    assert polygon.requests == []


def test_year_of_databento_is_committed_in_pieces(databento, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", DATABENTO_KEY)
    days = weekdays(date(2023, 1, 2), date(2023, 12, 29))
    databento.list_symbol("AAPL").bars["ohlcv-1m"] = [row for day in days for row in bars(f"{day}T15:00", 2)]
    databento.dollars_per_record = 0.01
    hang_from_download(databento, 3)
    vendor = {"provider": "databento", "gateway": databento.url, "dataset": "XNAS.ITCH", "max_concurrency": 1}
    config = {"multi_ticker": {"tickers": ["AAPL"]}, "sources": {"db": vendor}}

    def hangs() -> bool:
        sent = [one for one in databento.requests if one.path.endswith("timeseries.get_range")]
        return len(sent) == 3 and time.monotonic() - sent[-1].at > 3

    killed(tmp_path / "store", config, "2023-01-01", "2023-12-31", hangs)
    databento._planned.clear()
    loaded = config_for(databento, ["AAPL"], provider="databento", sources={"db": {"max_cost_usd": 100}})
    with mtstore.open(tmp_path / "store") as found:
        report = ingest_network(found.repository, loaded, "2023-01-01", "2023-12-31", vendors=vendors_for(loaded))
        assert report.is_complete
        assert report.cost_usd == pytest.approx(0.01 * 2 * len(days) / 2, rel=0.05)
        assert found.sql("SELECT count(*) FROM bars").fetchall() == [(2 * len(days),)]


@pytest.fixture
def killed_with_a_download(databento, tmp_path, monkeypatch):
    """A store whose fetch was killed when the download of the first of two chunks was complete, but not committed."""
    monkeypatch.setenv("DATABENTO_API_KEY", DATABENTO_KEY)
    days = weekdays(date(2023, 1, 2), date(2023, 5, 31))
    databento.list_symbol("AAPL").bars["ohlcv-1m"] = [row for day in days for row in bars(f"{day}T15:00", 2)]
    databento.dollars_per_record = 0.01
    hang_from_download(databento, 2)
    vendor = {"provider": "databento", "gateway": databento.url, "dataset": "XNAS.ITCH", "max_concurrency": 1}
    config = {"multi_ticker": {"tickers": ["AAPL"]}, "sources": {"db": vendor}}
    store = tmp_path / "store"
    killed(store, config, "2023-01-01", "2023-05-31", lambda: any(store.glob("tmp/run-*/downloads/*")))
    databento._planned.clear()
    with mtstore.open(store) as found:
        assert found.sql("SELECT count(*) FROM bars").fetchall() == [(0,)]
        assert len(list(store.glob("tmp/downloads/*"))) == 1
        databento.forget()
        yield found
        rows = found.sql("SELECT count(*), count(DISTINCT ts_event) FROM bars").fetchall()
        assert rows == [(2 * len(days), 2 * len(days))]
        assert [path.name for path in store.glob("tmp/downloads/*")] == []
        assert not any(store.glob("tmp/run-*"))


def finish(databento, store, **given):
    """Fetch what is left; return the report, and the number of downloads."""
    loaded = config_for(databento, ["AAPL"], provider="databento", sources={"db": {"max_cost_usd": 100}})
    report = ingest_network(store.repository, loaded, "2023-01-01", "2023-05-31", vendors=vendors_for(loaded), **given)
    assert report.is_complete
    return report, sum(one.path.endswith("timeseries.get_range") for one in databento.requests)


def test_complete_download_of_a_killed_run_is_not_bought_again(databento, killed_with_a_download):
    store = killed_with_a_download
    loaded = config_for(databento, ["AAPL"], provider="databento")
    plan = plan_network(store.repository, loaded, "2023-01-01", "2023-05-31", vendors=vendors_for(loaded))
    assert [one.cost_usd == 0 for one in plan.fetches] == [True, False]
    report, downloads = finish(databento, store)
    assert downloads == 1
    assert report.cost_usd == pytest.approx(plan.fetches[1].cost_usd)


def test_download_of_a_killed_run_is_bought_again_with_all_else(databento, killed_with_a_download):
    _, downloads = finish(databento, killed_with_a_download, refresh_all=True)
    assert downloads == 2
    # It is of no use any more, and is deleted after a day.
    [left] = killed_with_a_download.path.glob("tmp/downloads/*")
    yesterday = time.time() - 90_000
    os.utime(left, (yesterday, yesterday))
    with killed_with_a_download.repository.writer("append"):
        pass


def test_download_of_a_killed_run_is_bought_again_if_the_vendor_has_changed_the_data(databento, killed_with_a_download):
    [left] = killed_with_a_download.path.glob("tmp/downloads/*")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(left, (two_days_ago, two_days_ago))
    yesterday = (date.today() - timedelta(days=1)).isoformat()  # noqa: DTZ011 - the file's time is the machine's
    databento.conditions[date(2023, 1, 3)] = ("available", yesterday)
    _, downloads = finish(databento, killed_with_a_download)
    assert downloads == 2


def test_download_that_is_damaged_is_bought_again(databento, killed_with_a_download):
    [left] = killed_with_a_download.path.glob("tmp/downloads/*")
    left.write_bytes(left.read_bytes()[:-100])
    _, downloads = finish(databento, killed_with_a_download)
    assert downloads == 2


def test_pages_that_may_have_to_wait_are_parts_of_their_own(polygon, polygon_source):
    polygon.companies["A"].minutes = minutes("2023-01-03", 390)
    polygon.page_limit = 100
    source = polygon_source(requests_per_minute=600, max_concurrency=1)
    request = RequestContext(["A"], "ohlcv-1m", span("2023-01-03", "2023-01-04"), in_parts=True)
    assert [batch.bars.num_rows for batch in source.fetch(request)] == [390]
    polygon.plan(faults.polygon_error(429, "slow down", retry_after="0"))
    parts = list(source.fetch(request))
    assert [batch.bars.num_rows for batch in parts] == [100, 100, 100, 90]
    assert union(*(batch.ranges for batch in parts)) == (span("2023-01-03", "2023-01-04"),)
    assert [batch.bars.num_rows for batch in source.fetch(replace(request, in_parts=False))] == [390]
