"""Loads over the network into a real store: the exact requests of each, and what the store holds afterwards."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from mtstore.errors import ConfigError, InputError, SourceAuthError, SourceUnavailableError
from mtstore.ingest.network.ingest_network import (
    ingest_network,
    plan_network,
    run_cancellable,
    update_network,
)
from mtstore.storage.settings.ticker_metadata import read_metadata
from tests.kits.flat_files import row, write_flat
from tests.kits.time_limit import time_limit
from tests.servers import faults
from tests.servers.configs import config_for, vendors_for
from tests.servers.leaks import assert_in_no_table_or_file, watched
from tests.servers.polygon import KEY, minutes
from tests.servers.words import us

TICKERS = ("AAPL", "MSFT", "GOOG")


@pytest.fixture
def market(polygon):
    """Three tickers with 30 bars on every weekday of March 2024."""
    for place, ticker in enumerate(TICKERS):
        days = [date(2024, 3, 1) + timedelta(days=n) for n in range(31)]
        polygon.companies[ticker].minutes = [
            row
            for day in days
            if day.weekday() < 5
            for row in minutes(day.isoformat(), 30, first_price=100.0 * (place + 1))
        ]
    return polygon


@pytest.fixture
def load(store, market, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", next(iter(market.keys)))

    def run(start="2024-03-04", end="2024-03-08", tickers=TICKERS, *, options=None, **changes):
        config = config_for(market, tickers, **changes)
        given = {"with_references": False, **(options or {})}
        return ingest_network(store.repository, config, start, end, vendors=vendors_for(config), **given)

    return run


def bars(store, ticker="AAPL"):
    return store.sql(
        "SELECT epoch_us(ts_event), open, volume FROM bars WHERE ticker = ? ORDER BY ts_event", [ticker]
    ).fetchall()


def asked(server):
    """Ticker and range of each request for bars."""
    return sorted(
        (parts[4], int(parts[-2]) * 1000, (int(parts[-1]) + 1) * 1000)
        for parts in (request.path.split("/") for request in server.requests)
        if parts[1] == "v2"
    )


def ny(text):
    return us(f"{text}T05:00" if text < "2024-03-10" else f"{text}T04:00")


def test_cold_load_is_one_request_a_ticker_and_stores_every_bar(load, market, store):
    report = load()
    assert asked(market) == [(ticker, ny("2024-03-04"), ny("2024-03-09")) for ticker in sorted(TICKERS)]
    assert [(o.ticker, o.rows, o.requests, o.error) for o in report.tickers.values()] == [
        (ticker, 150, 1, None) for ticker in TICKERS
    ]
    assert report.is_complete
    assert (report.requests, report.rows) == (3, 450)
    rows = bars(store)
    assert len(rows) == 150
    assert rows[0] == (us("2024-03-04T14:30"), 100.0, 10.0)
    runs = store.sql("SELECT kind, status, tickers, rows FROM ingest_runs").fetchall()
    assert runs == [("fetch", "complete", 3, 450)]


def test_a_text_is_one_ticker(load, market, store):
    report = load(tickers=TICKERS, options={"tickers": "MSFT"})
    assert list(report.tickers) == ["MSFT"]
    assert [ticker for ticker, *_ in asked(market)] == ["MSFT"]


def test_repeated_load_makes_no_request_and_no_generation(load, market, store):
    first = load()
    market.forget()
    again = load()
    assert market.requests == []
    assert (again.snapshot, again.requests) == (first.snapshot, 0)
    assert again.tickers["AAPL"].cached == first.tickers["AAPL"].fetched


def test_extension_asks_only_for_what_is_new_on_either_side(load, market, store):
    load("2024-03-11", "2024-03-15", ["AAPL"])
    market.forget()
    load("2024-03-07", "2024-03-19", ["AAPL"])
    assert asked(market) == [
        ("AAPL", ny("2024-03-07"), ny("2024-03-11")),
        ("AAPL", ny("2024-03-16"), ny("2024-03-20")),
    ]
    assert len(bars(store)) == 9 * 30


def test_only_the_hole_in_the_middle_is_fetched(load, market, store):
    load("2024-03-04", "2024-03-05", ["AAPL"])
    load("2024-03-12", "2024-03-14", ["AAPL"])
    market.forget()
    load("2024-03-04", "2024-03-14", ["AAPL"])
    assert asked(market) == [("AAPL", ny("2024-03-06"), ny("2024-03-12"))]
    assert len(bars(store)) == 9 * 30


def test_closed_days_of_configured_calendar_are_not_fetched(load, market):
    entry = {"calendar": "XNYS"}
    load("2024-03-02", "2024-03-10", {"AAPL": entry})
    assert asked(market) == [("AAPL", ny("2024-03-04"), ny("2024-03-09"))]
    market.forget()
    load("2024-03-09", "2024-03-10", {"AAPL": entry})
    assert market.requests == []


def test_inferred_calendar_never_suppresses_a_request(load, market):
    load("2024-03-09", "2024-03-10", ["AAPL"])
    assert len(market.requests) == 1


def test_range_without_bars_is_remembered(load, market, store):
    load("2023-05-01", "2023-05-05", ["AAPL"])
    market.forget()
    report = load("2023-05-01", "2023-05-05", ["AAPL"])
    assert market.requests == []
    assert report.is_complete
    assert store.sql("SELECT result FROM coverage").fetchall() == [("empty",)]


def test_expired_answers_are_fetched_again_and_changes_are_recorded(load, market, store):
    stale = {"cache": {"ttl_days": 0, "settle_days": None}}
    load("2024-03-04", "2024-03-04", ["AAPL"], **stale)
    rows = market.companies["AAPL"].minutes
    place = next(i for i, row in enumerate(rows) if row["t"] == us("2024-03-04T14:30") // 1000)
    rows[place]["v"] = 77.0
    del rows[place + 1]
    market.forget()
    report = load("2024-03-04", "2024-03-04", ["AAPL"], **stale)
    assert len(market.requests) == 1
    assert report.is_complete
    assert bars(store)[0][2] == 77.0
    assert len(bars(store)) == 29
    kinds = store.sql("SELECT kind, epoch_us(ts_event) FROM revisions ORDER BY ts_event").fetchall()
    assert kinds == [("changed", us("2024-03-04T14:30")), ("withdrawn", us("2024-03-04T14:31"))]


def test_unchanged_answer_renews_its_time_without_a_new_file(load, market, store):
    stale = {"cache": {"ttl_days": 0, "settle_days": None}}
    load("2024-03-04", "2024-03-04", ["AAPL"], **stale)
    files = store.sql("SELECT path FROM files").fetchall()
    load("2024-03-04", "2024-03-04", ["AAPL"], **stale)
    assert store.sql("SELECT path FROM files").fetchall() == files
    load("2024-03-04", "2024-03-04", ["AAPL"], cache={"ttl_days": 7, "settle_days": None})
    market.forget()
    load("2024-03-04", "2024-03-04", ["AAPL"])
    assert market.requests == []


def test_recent_part_of_an_answer_goes_stale_and_the_settled_part_does_not(load, market, store):
    today = date.today()  # noqa: DTZ011 - the store's clock is the machine's
    load((today - timedelta(days=10)).isoformat(), None, ["AAPL"])
    found = store.sql(
        "SELECT unnest(ranges).start_ts < now() - INTERVAL 4 DAY, fresh_until IS NULL FROM core.coverage_ledger"
    ).fetchall()
    assert sorted(found) == [(False, False), (True, True)]
    market.forget()
    load((today - timedelta(days=10)).isoformat(), (today - timedelta(days=1)).isoformat(), ["AAPL"])
    assert market.requests == []


def test_forced_refresh_asks_for_everything_again(load, market):
    load(tickers=["AAPL"])
    market.forget()
    load(tickers=["AAPL"], options={"refresh_all": True})
    assert len(market.requests) == 1


def test_plan_makes_no_request_and_says_what_a_load_would_ask(load, market, store):
    load("2024-03-04", "2024-03-05", ["AAPL"])
    market.forget()
    config = config_for(market, TICKERS)
    plan = plan_network(store.repository, config, "2024-03-04", "2024-03-05", vendors=vendors_for(config))
    assert market.requests == []
    assert plan.cached == ("AAPL",)
    assert [fetch.tickers for fetch in plan.fetches] == [("MSFT",), ("GOOG",)]
    assert [(one.source, one.tickers) for one in plan.references] == [("polygon", ("AAPL", "MSFT", "GOOG"))]
    assert (plan.requests, plan.bytes, plan.cost_usd) == (2 + 9, None, 0.0)
    load("2024-03-04", "2024-03-05", options={"with_references": True})
    assert len(market.requests) == plan.requests


def test_a_key_that_is_not_set_fails_its_source_once_and_what_is_stored_is_served(load, market, store, monkeypatch):
    load("2024-03-04", "2024-03-05", ["AAPL"])
    market.forget()
    monkeypatch.delenv("POLYGON_API_KEY")
    report = load("2024-03-04", "2024-03-08", ["AAPL", "MSFT"])
    assert market.requests == []
    assert [type(one.exception) for one in report.failed] == [SourceAuthError, SourceAuthError]
    assert report.tickers["AAPL"].cached
    with pytest.raises(SourceAuthError, match="POLYGON_API_KEY is not set"):
        load("2024-03-04", "2024-03-08", ["AAPL", "MSFT"], options={"on_error": "raise"})
    assert load("2024-03-04", "2024-03-05", ["AAPL"]).is_complete


def test_long_ranges_are_cut_at_the_year(load, market):
    load("2022-06-01", "2024-02-01", ["AAPL"])
    assert [start for _, start, _ in asked(market) if start != us("2022-06-01T04:00")] == [
        us("2023-01-01"),
        us("2024-01-01"),
    ]


def test_priority_decides_the_order(load, market):
    tickers = {"AAPL": {"priority": 3}, "MSFT": {"priority": 1}, "GOOG": {}}
    report = load(tickers=tickers, sources={"polygon": {"max_concurrency": 1}})
    assert [request.path.split("/")[4] for request in market.requests] == ["MSFT", "AAPL", "GOOG"]
    assert list(report.tickers) == ["MSFT", "AAPL", "GOOG"]


def test_tickers_load_side_by_side_and_no_more_than_allowed(load, market):
    market.plan(faults.hang(0.3), times=3)
    load(sources={"polygon": {"max_concurrency": 2}})
    assert market.most_in_flight == 2


def test_one_bad_ticker_of_three_leaves_the_others_complete(load, market, store):
    def is_msft(request):
        return "/MSFT/" in request.path

    market.plan(faults.polygon_error(500, "broken"), times=100, when=is_msft)
    report = load()
    assert not report.is_complete
    [bad] = report.failed
    assert (bad.ticker, bad.rows, type(bad.exception)) == ("MSFT", 0, SourceUnavailableError)
    assert "HTTP 500: broken" in bad.error
    assert (len(bars(store, "AAPL")), len(bars(store, "MSFT")), len(bars(store, "GOOG"))) == (150, 0, 150)
    assert store.sql("SELECT status FROM ingest_runs").fetchall() == [("incomplete",)]
    market._planned.clear()
    market.forget()
    assert load().is_complete
    assert {ticker for ticker, _, _ in asked(market)} == {"MSFT"}


def test_error_is_raised_when_requested(load, market, store):
    market.plan(faults.polygon_error(500, "broken"), times=100, when=lambda request: "/MSFT/" in request.path)
    mine = threading.Event()
    with pytest.raises(SourceUnavailableError, match="broken"):
        load(options={"on_error": "raise", "cancel": mine}, sources={"polygon": {"max_concurrency": 1}})
    assert not mine.is_set()
    # What came before the error stays.
    assert len(bars(store, "AAPL")) == 150
    assert store.sql("SELECT status, error LIKE '%broken%' FROM ingest_runs").fetchall() == [("failed", True)]
    market._planned.clear()
    assert load().is_complete


def test_stale_data_is_served_when_the_vendor_is_down(load, market, store):
    stale = {"cache": {"ttl_days": 0, "settle_days": None}}
    load(tickers=["AAPL"], **stale)
    market.plan(faults.polygon_error(500, "down"), times=100)
    report = load("2024-03-04", "2024-03-12", ["AAPL"], **stale)
    outcome = report.tickers["AAPL"]
    assert [(r.start_us, r.end_us) for r in outcome.stale] == [(ny("2024-03-04"), ny("2024-03-09"))]
    assert [(r.start_us, r.end_us) for r in outcome.failed] == [(ny("2024-03-04"), ny("2024-03-13"))]
    assert len(bars(store)) == 150


def test_unavailable_vendor_is_not_tried_for_every_ticker(load, market):
    tickers = [f"T{n}" for n in range(20)]
    market.plan(faults.polygon_error(500, "down"), times=10_000)
    report = load(tickers=tickers, sources={"polygon": {"max_concurrency": 1}})
    assert len(report.failed) == 20
    assert len(market.requests) == 3 * 4


def test_revoked_key_is_one_request(load, market):
    market.keys.clear()
    report = load(sources={"polygon": {"max_concurrency": 1}})
    assert {type(outcome.exception) for outcome in report.failed} == {SourceAuthError}
    assert len(market.requests) == 1


def test_changed_source_is_fetched_again(load, market, store):
    load(tickers=["AAPL"])
    market.forget()
    load(tickers={"AAPL": {"data_source": "other"}}, sources={"other": {}})
    assert len(market.requests) == 1
    assert {row[0] for row in store.sql("SELECT DISTINCT source FROM bars").fetchall()} == {"polygon", "other"}


def test_ranges_from_files_are_not_fetched(load, market, store):
    import pyarrow as pa

    from mtstore.bars import BarBatch, SourceBinding, arrow_schema
    from tests.servers.words import span

    bars_of_a_file = pa.Table.from_pylist(
        [{"ts_event": us("2024-03-05T15:00"), "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0}],
        schema=arrow_schema(),
    )
    covered = span("2024-03-05T05:00", "2024-03-06T05:00")
    answer = BarBatch(
        SourceBinding("polygon", "polygon"),
        "ohlcv-1m",
        "AAPL",
        (covered,),
        bars_of_a_file,
        final=True,
        request={"format": "polygon-flatfile"},
    )
    from mtstore.ingest.run_record import start_run

    run = start_run("ingest", {})
    with store.repository.writer("ingest", run_id=run.run_id) as writer:
        writer.add(answer)
        row = run.row(status="complete", tickers=1, files=1, rows=1, quarantined_rows=0)
        writer.record("ingest_runs", row)
    load("2024-03-04", "2024-03-06", ["AAPL"])
    assert asked(market) == [
        ("AAPL", ny("2024-03-04"), ny("2024-03-05")),
        ("AAPL", ny("2024-03-06"), ny("2024-03-07")),
    ]


@pytest.mark.filterwarnings("ignore::mtstore.IngestWarning")
def test_the_second_spelling_of_a_pair_is_noted_once_whichever_comes_first(load, market, store, tmp_path):
    for ticker in ("X:BTCUSD", "C:EURUSD"):
        market.companies[ticker].minutes = minutes("2024-03-05", 30, first_price=100.0)
    load(tickers=["C:EURUSD"])
    pairs = [row(ticker, "10:00") for ticker in ("X:BTC-USD", "C:EUR-USD", "BRK-B")]
    (note,) = store.ingest(write_flat(tmp_path, pairs)).notes
    assert note == ("C:EURUSD is stored from REST; flat files call it C:EUR-USD: they are two series of one pair")
    fetched = load(tickers=["X:BTCUSD", "AAPL"])
    assert {name: outcome.notes for name, outcome in fetched.tickers.items()} == {
        "X:BTCUSD": ["X:BTC-USD is stored from flat files; REST calls it X:BTCUSD: they are two series of one pair"],
        "AAPL": [],
    }
    assert load("2024-03-11", "2024-03-12", ["X:BTCUSD"]).tickers["X:BTCUSD"].notes == []


def test_ticker_without_a_source_is_an_error_in_the_report(load, market):
    tickers = {"AAPL": {"data_source": "polygon"}, "MSFT": {}}
    report = load(tickers=tickers, sources={"polygon": {}, "second": {}})
    assert report.tickers["AAPL"].rows == 150
    assert isinstance(report.tickers["MSFT"].exception, ConfigError)
    assert "use one of polygon, second" in report.tickers["MSFT"].error


def test_quarantined_rows_have_their_reason(load, market, store):
    market.companies["AAPL"].minutes[0]["h"] = 1.0
    report = load("2024-03-01", "2024-03-04", ["AAPL"])
    assert report.tickers["AAPL"].quarantined_rows == 1
    assert report.tickers["AAPL"].notes == ["1 rows: high is below open or close"]
    assert store.sql("SELECT ticker, reason FROM quarantine").fetchall() == [("AAPL", "high is below open or close")]
    ledger = store.sql("SELECT result, reason FROM coverage ORDER BY start_ts").fetchall()
    assert ledger == [("complete", None), ("partial", "1 rows: high is below open or close"), ("complete", None)]


def test_rejected_rows_are_fetched_again_at_once(load, market, store):
    rows = market.companies["AAPL"].minutes
    broken = [{**row, "c": None} if place in (0, 5, 40) else row for place, row in enumerate(rows)]
    market.companies["AAPL"].minutes = broken
    load("2024-03-01", "2024-03-08", ["AAPL"])
    assert len(bars(store)) == 6 * 30 - 3
    market.forget()
    load("2024-03-01", "2024-03-08", ["AAPL"])
    market.companies["AAPL"].minutes = rows
    # The minutes between the first two are fresh, but one request is better than two.
    opened = us("2024-03-01T14:30")
    asked_again = [
        ("AAPL", opened, opened + 6 * 60_000_000),
        ("AAPL", us("2024-03-04T14:40"), us("2024-03-04T14:41")),
    ]
    assert asked(market) == asked_again
    assert len(bars(store)) == 6 * 30 - 3
    market.forget()
    load("2024-03-01", "2024-03-08", ["AAPL"])
    assert asked(market) == asked_again
    assert len(bars(store)) == 6 * 30
    market.forget()
    load("2024-03-01", "2024-03-08", ["AAPL"])
    assert market.requests == []


def test_cancelled_load_stops_within_two_seconds_and_resumes(load, market, store):
    load(tickers=["AAPL"])
    market.plan(faults.hang(), times=100, when=lambda request: "/GOOG/" in request.path)
    cancel = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(load, options={"cancel": cancel})
        while not any("/GOOG/" in line for line in market.lines):
            time.sleep(0.01)
        time.sleep(0.1)
        began = time.monotonic()
        cancel.set()
        with pytest.raises(CancelledError):
            running.result()
        assert time.monotonic() - began < time_limit(2)
    market._planned.clear()
    assert load().is_complete
    assert [len(bars(store, ticker)) for ticker in TICKERS] == [150] * 3


def ingest_async(store, config):
    """Fetch in a thread, as `Store` does."""
    cancel, vendors = threading.Event(), vendors_for(config)
    return run_cancellable(
        lambda: ingest_network(store.repository, config, "2024-03-04", "2024-03-08", vendors=vendors, cancel=cancel),
        cancel,
    )


def test_cancelled_task_stops_the_load(load, market, store):
    market.plan(faults.hang(), times=100)
    config = config_for(market, TICKERS)

    async def main():
        task = asyncio.ensure_future(ingest_async(store, config))
        while not market.requests:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(main()) < time_limit(2)


def test_async_load_gives_the_same_report(load, market, store):
    config = config_for(market, TICKERS)
    report = asyncio.run(ingest_async(store, config))
    assert (report.rows, report.is_complete) == (450, True)


def test_progress_reports_every_chunk(load, market):
    seen: list[Any] = []
    load(options={"progress": seen.append})
    assert [(one.done, one.total) for one in seen] == [(1, 3), (2, 3), (3, 3)]
    assert seen[-1].rows == 450


def test_splits_dividends_and_details_come_with_the_first_load_and_again_when_they_are_old(load, market, store):
    company = market.companies["AAPL"]
    company.details = {"name": "Apple Inc.", "list_date": "1980-12-12", "address": {"city": "Cupertino"}}
    company.splits = [{"ticker": "AAPL", "execution_date": "2020-08-31", "split_from": 1, "split_to": 4}]
    company.dividends = [
        {"ticker": "AAPL", "ex_dividend_date": "2024-02-09", "cash_amount": 0.24, "dividend_type": "CD"}
    ]
    both = {"with_references": True}
    report = load(tickers=["AAPL"], options=both)
    assert report.tickers["AAPL"].requests == 4
    found = store.sql("SELECT ticker, execution_date, split_from, split_to, source FROM splits").fetchall()
    assert found == [("AAPL", date(2020, 8, 31), 1.0, 4.0, "polygon")]
    assert store.sql("SELECT ex_dividend_date, cash_amount FROM dividends").fetchall() == [(date(2024, 2, 9), 0.24)]
    market.forget()
    load(tickers=["AAPL"], options=both)
    assert market.requests == []
    company.splits[0]["split_to"] = 5
    company.dividends = []
    load(tickers=["AAPL"], options=both, cache={"ttl_days": 0})
    assert sorted(request.path for request in market.requests) == [
        "/v3/reference/dividends",
        "/v3/reference/splits",
        "/v3/reference/tickers/AAPL",
    ]
    known = read_metadata(store.repository)["AAPL"]["polygon"]
    assert (known["name"], known["list_date"], known["active"]) == ("Apple Inc.", "1980-12-12", True)
    assert "address" not in known
    for _ in range(2):  # the response is complete: what it no longer has is gone
        assert store.sql("SELECT split_to FROM splits").fetchall() == [(5.0,)]
        assert store.sql("FROM dividends").fetchall() == []
        store.rebuild()


def test_failed_splits_are_reported_and_bars_stored(load, market, store):
    market.plan(
        faults.polygon_error(403, "not in your plan"), times=9, when=lambda request: "reference" in request.path
    )
    report = load(tickers=["AAPL"], options={"with_references": True})
    assert report.is_complete
    assert "not in your plan" in report.tickers["AAPL"].notes[0]
    assert len(bars(store)) == 150


def test_update_goes_on_from_the_last_coverage_to_the_last_closed_bar(load, market, store):
    load("2024-03-04", "2024-03-08", ["AAPL"])
    market.forget()
    config = config_for(market, ["AAPL", "NEW"])
    vendors = vendors_for(config, clock=lambda: us("2024-03-12T15:00:30") / 1e6)
    report = update_network(store.repository, config, vendors=vendors, with_references=False)
    lag_us = 960 * 1_000_000
    until = (us("2024-03-12T15:00:30") - lag_us) // 60_000_000 * 60_000_000
    assert asked(market) == [("AAPL", ny("2024-03-09"), until)]
    assert "fetch it once with a start" in str(report.tickers["NEW"].error)
    market.forget()
    assert (
        update_network(store.repository, config, tickers=["AAPL"], vendors=vendors, with_references=False).requests == 0
    )


def test_a_store_fetches_from_a_configuration_at_once_and_in_the_background(polygon, store, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    polygon.companies["AAPL"].minutes = [*minutes("2024-03-04", 3), *minutes("2024-03-05", 3)]
    config = config_for(polygon, ["AAPL"])
    first = store.ingest(config=config, start="2024-03-04", end="2024-03-04", with_references=False)
    assert (first.rows, first.requests) == (3, 1)
    second = asyncio.run(store.fetch_async(config, "2024-03-04", "2024-03-05", with_references=False))
    assert (second.rows, second.requests) == (3, 1)
    assert store.sql("SELECT count(*) FROM bars").fetchall() == [(6,)]


def test_a_store_ingests_one_thing_at_a_time(store):
    with pytest.raises(InputError, match="not both"):
        store.ingest("somewhere", config={"tickers": ["AAPL"]})
    with pytest.raises(InputError, match="files, a frame, or config="):
        store.ingest()


def test_the_key_is_in_no_table_file_log_or_output_of_a_load(load, market, store, caplog, capfd):
    caplog.set_level("DEBUG")
    (key, *_) = market.keys
    with watched(key, store):
        report = load(options={"with_references": True})
    printed = capfd.readouterr()
    assert key not in f"{caplog.text}{printed.out}{printed.err}{report!r}"
    assert_in_no_table_or_file(key, store)


_BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
_FORMS = [KEY, KEY.replace("-", "%2D"), KEY.replace("-", "%2d"), _BASIC]


@pytest.mark.parametrize(("form", "is_escaped"), [(form, is_escaped) for form in _FORMS for is_escaped in (0, 1)])
def test_a_key_that_an_answer_repeats_as_data_is_stored_nowhere(load, market, store, form, is_escaped):
    company = market.companies["AAPL"]
    company.details = {"name": f"Apple {form}", "description": form, "homepage_url": f"https://a.com/?k={form}"}
    company.dividends = [
        {"id": form, "ticker": "AAPL", "ex_dividend_date": "2024-03-05", "cash_amount": 0.2, "currency": form}
        | {"dividend_type": form, "frequency": 4}
    ]

    def repeat(_, reply):
        body = json.loads(reply.body)
        if "resultsCount" in body:
            body["ticker"] = form
        text = json.dumps(body)
        return replace(reply, body=(text.replace(form, _escaped(form)) if is_escaped else text).encode())

    repeat.on_content = True  # type: ignore[attr-defined]
    market.plan(repeat, times=1_000)
    report = load(tickers=("AAPL",), options={"with_references": True})
    assert "***" in repr(report)
    assert form not in repr(report)
    for one in (form, KEY, _BASIC.rstrip("=")):
        assert_in_no_table_or_file(one, store)


def _escaped(text):
    """Return text as JSON may write it, too."""
    return "".join(f"\\u{ord(character):04x}" for character in text)
