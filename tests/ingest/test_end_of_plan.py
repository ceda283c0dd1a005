"""Keys whose data end before the requested end: what is before it is fetched, and the rest is reported as beyond it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from mtstore.cli.main import run as run_command
from mtstore.ingest.network.ingest_network import ingest_network, update_network
from mtstore.sources.http.failures import Failure
from mtstore.sources.http.named_end import named_end_us
from tests.servers.configs import config_for, vendors_for
from tests.servers.databento import KEY as DATABENTO_KEY
from tests.servers.databento import bars
from tests.servers.polygon import KEY, minutes
from tests.servers.words import span, us

DAYS = ("2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12", "2024-03-13", "2024-03-14")
NAMED = "Your plan ends there: try an end time before 2024-03-12"
COVERAGE = "SELECT result, epoch_us(start_ts), epoch_us(end_ts), reason FROM coverage ORDER BY start_ts"


def clock():
    return datetime(2024, 3, 15, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def run(store, monkeypatch):
    """Fetch, or update, from a server whose key ends on 2024-03-12."""
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    monkeypatch.setenv("DATABENTO_API_KEY", DATABENTO_KEY)
    monkeypatch.setattr("mtstore.ingest.network.fetch_targets.time", SimpleNamespace(time=clock))

    def start(server, provider, *range_of_days):
        sources = {"db": {"max_cost_usd": 100}} if provider == "databento" else {"poly": {}}
        config = config_for(server, ["AAPL"], provider=provider, sources=sources)
        options: dict[str, Any] = {"vendors": vendors_for(config, clock=clock), "with_references": False}
        if not range_of_days:
            return update_network(store.repository, config, **options)
        return ingest_network(store.repository, config, *range_of_days, **options)

    return start


@pytest.fixture
def licensed(databento):
    databento.list_symbol("AAPL").bars["ohlcv-1m"] = [row for day in DAYS for row in bars(f"{day}T14:30", 390)]
    databento.licence_ends = datetime(2024, 3, 12, tzinfo=UTC)
    databento.dollars_per_record = 0.01
    return databento


@pytest.fixture
def limited(polygon):
    polygon.companies["AAPL"].minutes = [row for day in DAYS for row in minutes(day, 390)]
    polygon.history_ends_ms = us("2024-03-12") // 1000
    polygon.words_of_end = NAMED
    return polygon


def test_databento_gives_up_to_the_end_of_the_licence(run, licensed, store):
    report = run(licensed, "databento", "2024-03-07", "2024-03-14")
    outcome = report.tickers["AAPL"]
    assert (outcome.rows, outcome.fetched) == (3 * 390, (span("2024-03-07T05:00", "2024-03-12"),))
    assert outcome.beyond == outcome.failed == (span("2024-03-12", "2024-03-15T04:00"),)
    assert not report.is_complete
    assert report.cost_usd == pytest.approx(3 * 3.9)
    reason = (
        "past the end of what the vendor gives: HTTP 422: dataset_unavailable_range: A licence is required. "
        "Try again with an end time before 2024-03-12."
    )
    assert outcome.error == reason
    assert store.sql(COVERAGE).fetchall() == [
        ("complete", us("2024-03-07T05:00"), us("2024-03-12"), None),
        ("failed", us("2024-03-12"), us("2024-03-15T04:00"), reason),
    ]


def test_update_past_the_licence_requests_the_rest_again(run, licensed):
    run(licensed, "databento", "2024-03-07", "2024-03-08")
    assert run(licensed, "databento").tickers["AAPL"].rows == 390
    again = run(licensed, "databento").tickers["AAPL"]
    assert (again.rows, again.has_answer, again.is_complete) == (0, True, False)
    licensed.licence_ends = datetime(2024, 3, 14, tzinfo=UTC)
    more = run(licensed, "databento").tickers["AAPL"]
    assert (more.rows, more.failed[0].start_us) == (2 * 390, us("2024-03-14"))
    licensed.licence_ends = None
    assert run(licensed, "databento").is_complete


def test_end_that_is_refused_itself_is_not_within_the_licence(run, licensed):
    licensed.licence_ends = datetime(2024, 3, 12, tzinfo=UTC)
    original = licensed._unlicensed

    def strict(given):
        return original({**given, "end": int(given["end"]) + 1})

    licensed._unlicensed = strict
    report = run(licensed, "databento", "2024-03-07", "2024-03-14")
    assert report.tickers["AAPL"].fetched == (span("2024-03-07T05:00", "2024-03-11T23:59"),)


@pytest.mark.parametrize("words", ["no end is named", "Data start before 2024-03-12"])
def test_refusal_that_names_no_end_fails(run, licensed, words):
    from tests.servers import faults

    licensed.plan(faults.databento_error(422, "dataset_unavailable_range", words), when=lambda one: "range" in one.path)
    licensed.plan(faults.databento_error(422, "dataset_unavailable_range", words), times=9)
    report = run(licensed, "databento", "2024-03-07", "2024-03-14")
    assert (report.rows, report.tickers["AAPL"].beyond) == (0, ())


def test_polygon_gives_up_to_the_named_end(run, limited, store):
    outcome = run(limited, "polygon", "2024-03-07", "2024-03-14").tickers["AAPL"]
    assert (outcome.rows, outcome.fetched) == (3 * 390, (span("2024-03-07T05:00", "2024-03-12"),))
    assert outcome.beyond == outcome.failed == (span("2024-03-12", "2024-03-15T04:00"),)
    assert store.sql(COVERAGE).fetchall()[1][::3] == (
        "failed",
        f"past the end of what the vendor gives: HTTP 403: {NAMED}",
    )
    again = run(limited, "polygon").tickers["AAPL"]
    assert (again.rows, again.has_answer, again.is_complete) == (0, True, False)


def test_plan_without_todays_data_gives_what_is_before_today(run, limited):
    limited.history_ends_ms = us("2024-03-15T04:00") // 1000
    limited.words_of_end = "Attempted to request today's data before end of day. Please upgrade."
    run(limited, "polygon", "2024-03-07", "2024-03-13")
    outcome = run(limited, "polygon").tickers["AAPL"]
    assert outcome.rows == 390
    assert outcome.beyond == (span("2024-03-15T04:00", "2024-03-15T11:44"),)


def test_ticker_that_is_not_in_the_plan_is_one_request(run, limited):
    limited.history_ends_ms = 0
    limited.words_of_end = "You are not entitled to this data."
    report = run(limited, "polygon", "2024-03-07", "2024-03-13")
    assert (report.requests, report.tickers["AAPL"].beyond) == (1, ())


def test_exit_code_of_a_range_past_the_end_is_3(limited, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    config = tmp_path / "config.yaml"
    config.write_text(
        "multi_ticker: {tickers: [AAPL]}\n"
        f"sources: {{polygon: {{provider: polygon, base_url: '{limited.url}', timeout_seconds: 20}}}}\n"
    )
    store = str(tmp_path / "store")
    dates = ["--start", "2024-03-07", "--end", "2024-03-14"]
    assert run_command(["ingest", store, "--create", "-q", "--config", str(config), *dates]) == 3
    assert run_command(["update", store, "-q", "--config", str(config)]) == 3
    assert "AAPL: not fetched: past the end of what the vendor gives: HTTP 403" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("Try again with an end time before 2024-03-12T00:00:00.000000000Z.", "2024-03-12"),
        ("end time before 2024-03-12", "2024-03-12"),
        ("use an end before 2024-03-12 15:30:00", "2024-03-12T15:30"),
        ("no data before 2024-03-12", None),
        ("end it before noon", None),
    ],
)
def test_end_in_words(words, end):
    found = named_end_us(Failure("request", words))
    assert found == (None if end is None else us(end))
