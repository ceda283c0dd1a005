"""The exact requests that each path of the Databento source makes, and what comes of the answers."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime

import pytest

from mtstore.bars import arrow_schema
from mtstore.errors import ConfigError, CostLimitError, SourceRequestError, TickerError, UnsupportedSchemaError
from mtstore.sources.http.downloads import Downloads
from mtstore.sources.http.request import RequestContext, RequestStats
from mtstore.sources.vendor import CostBudget, Estimate
from tests.servers.databento import bars
from tests.servers.words import span, times, us

DAY = span("2024-03-04", "2024-03-05")
RANGE = "POST /v0/timeseries.get_range"
GIVEN = "dataset=XNAS.ITCH&encoding=dbn&end={end}&schema=ohlcv-1m&start={start}&stype_in=raw_symbol"


def methods(server):
    return [request.path.removeprefix("/v0/") for request in server.requests]


@pytest.fixture
def market(databento):
    databento.list_symbol("AAPL").bars["ohlcv-1m"] = bars("2024-03-04T14:30", 390)
    databento.list_symbol("MSFT").bars["ohlcv-1m"] = bars("2024-03-04T14:30", 100, first_price=300.0)
    return databento


def test_two_tickers_are_one_paid_request_after_four_free_ones(market, databento_source, tmp_path):
    source = databento_source()
    stats = RequestStats()
    request = RequestContext(["AAPL", "MSFT"], "ohlcv-1m", DAY, stats=stats)
    downloads = Downloads(tmp_path, tmp_path)
    first, second = source.fetch(request, downloads=downloads)
    assert methods(market) == [
        "metadata.get_dataset_range",
        "metadata.get_dataset_condition",
        "metadata.get_record_count",
        "metadata.get_cost",
        "timeseries.get_range",
    ]
    start, end = DAY.start_us * 1000, DAY.end_us * 1000
    assert market.lines[4] == (
        f"{RANGE}?compression=zstd&dataset=XNAS.ITCH&encoding=dbn&end={end}&schema=ohlcv-1m&start={start}"
        "&stype_in=raw_symbol&stype_out=instrument_id&symbols=AAPL,MSFT"
    )
    assert (first.ticker, first.result, first.ranges, first.bars.num_rows) == ("AAPL", "complete", (DAY,), 390)
    assert (second.ticker, second.bars.num_rows, second.bars["open"][0].as_py()) == ("MSFT", 100, 300.0)
    assert first.bars.schema == arrow_schema()
    assert first.bars.slice(0, 1).drop_columns(["ts_event"]).to_pylist() == [
        {
            "open": 100.0,
            "high": 101.0,
            "low": 99.0,
            "close": 100.0,
            "volume": 10.0,
            "vwap": None,
            "transactions": None,
        }
    ]
    assert (first.binding.provider, first.binding.dataset, first.day_tz) == ("databento", "XNAS.ITCH", "UTC")
    assert first.request == {"stype_in": "raw_symbol"}
    assert (stats.requests, stats.retries) == (5, 0)
    assert stats.bytes_received > 0
    assert len(list(tmp_path.iterdir())) == 1
    downloads.delete()
    assert list(tmp_path.iterdir()) == []


def test_cost_estimate_is_requested_once(market, databento_source):
    market.dollars_per_record = 0.5
    source = databento_source(max_cost_usd=1000)
    assert source.estimate(RequestContext(["AAPL"], "ohlcv-1m", DAY)) == Estimate(
        requests=1, records=390, bytes=390 * 56, cost_usd=195.0
    )
    list(source.fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY)))
    assert methods(market).count("metadata.get_cost") == 1
    assert methods(market).count("metadata.get_record_count") == 1


def test_count_can_be_left_out(market, databento_source):
    list(databento_source(check_record_counts=False).fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY)))
    assert methods(market) == [
        "metadata.get_dataset_range",
        "metadata.get_dataset_condition",
        "metadata.get_cost",
        "timeseries.get_range",
    ]


def test_nothing_is_spent_by_default(market, databento_source):
    market.dollars_per_record = 0.01
    with pytest.raises(CostLimitError, match=r"would cost \$3.9000; \$0.0000 of the \$0.00 allowed"):
        list(databento_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY)))
    assert "timeseries.get_range" not in methods(market)


def test_budget_is_cumulative_over_fetches(market, databento_source):
    market.dollars_per_record = 0.01
    source, budget = databento_source(), CostBudget(5.0)
    list(source.fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY), budget=budget))
    with pytest.raises(CostLimitError, match=r"\$3.9000 of the \$5.00"):
        list(source.fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY), budget=budget))
    list(source.fetch(RequestContext(["MSFT"], "ohlcv-1m", DAY), budget=budget))
    assert budget.spent_usd == pytest.approx(4.9)


@pytest.mark.parametrize(("schema", "step"), [("ohlcv-1s", 1), ("ohlcv-1h", 3600), ("ohlcv-1d", 86400)])
def test_every_schema_of_bars_is_read(databento, databento_source, schema, step):
    databento.list_symbol("AAPL").bars[schema] = bars("2024-03-04", 2, step=step)
    [answer] = databento_source().fetch(RequestContext(["AAPL"], schema, span("2024-03-04", "2024-03-06")))
    assert (answer.result, times(answer)) == ("complete", [us("2024-03-04"), us("2024-03-04") + step * 1_000_000])


def test_ticker_that_does_not_resolve_is_empty_with_a_reason_and_no_warning(market, databento_source):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, missing = databento_source().fetch(RequestContext(["AAPL", "NOPE"], "ohlcv-1m", DAY))
    assert (found.result, found.bars.num_rows, found.reason) == ("complete", 390, None)
    assert (missing.result, missing.ranges) == ("empty", (DAY,))
    assert missing.reason == "the vendor resolves NOPE on no day of the range"


def test_tickers_none_of_which_resolves_are_empty_without_a_paid_request(market, databento_source):
    answers = list(databento_source().fetch(RequestContext(["NOPE", "NADA"], "ohlcv-1m", DAY)))
    assert [(answer.ticker, answer.result) for answer in answers] == [("NOPE", "empty"), ("NADA", "empty")]
    assert "timeseries.get_range" not in methods(market)


def test_ticker_that_resolves_on_some_days_is_complete_with_a_note(databento, databento_source):
    databento.list_symbol("NEW", listed=date(2024, 3, 5)).bars["ohlcv-1m"] = bars("2024-03-05T14:30", 10)
    [answer] = databento_source().fetch(RequestContext(["NEW"], "ohlcv-1m", span("2024-03-04", "2024-03-06")))
    assert (answer.result, answer.bars.num_rows) == ("complete", 10)
    assert answer.ranges == (span("2024-03-04", "2024-03-06"),)
    assert answer.reason == "NEW resolves on some days of the range only"


def test_bars_of_several_venues_become_one(databento, databento_source):
    at = int(datetime(2024, 3, 4, 14, 30, tzinfo=UTC).timestamp())
    databento.list_symbol("AAPL").bars["ohlcv-1m"] = [(at, 100.0, 5, 39), (at, 110.0, 50, 40), (at + 60, 90.0, 7, 39)]
    [answer] = databento_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.result == "complete"
    rows = [[row[name] for name in ("open", "high", "low", "close", "volume")] for row in answer.bars.to_pylist()]
    assert rows == [[110.0, 111.0, 99.0, 110.0, 55.0], [90.0, 91.0, 89.0, 90.0, 7.0]]


def test_undefined_prices_are_quarantined(databento, databento_source):
    at = int(datetime(2024, 3, 4, 14, 30, tzinfo=UTC).timestamp())
    databento.list_symbol("AAPL").bars["ohlcv-1m"] = [(at, None, 5, 2)]
    [answer] = databento_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.bars.num_rows == 0
    assert answer.quarantined["reason"].to_pylist() == ["open is missing"]
    assert answer.partial_ranges


def test_lower_case_tickers_keep_their_spelling(market, databento_source):
    [answer] = databento_source().fetch(RequestContext(["aapl"], "ohlcv-1m", DAY))
    assert (answer.ticker, answer.bars.num_rows) == ("aapl", 390)
    assert market.requests[-1].form["symbols"] == "AAPL"


@pytest.mark.parametrize("tickers", [["A,B"], ["aapl", "AAPL"], [""], [" A"]])
def test_tickers_that_the_client_would_change_are_refused(market, databento_source, tickers):
    with pytest.raises(TickerError):
        list(databento_source().fetch(RequestContext(tickers, "ohlcv-1m", DAY)))
    assert market.requests == []


def test_end_is_the_vendors_end(market, databento_source):
    market.ends = datetime(2024, 3, 4, 15, 0, 30, tzinfo=UTC)
    [answer] = databento_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.ranges == (span("2024-03-04", "2024-03-04T15:00"),)
    assert times(answer)[-1] == us("2024-03-04T14:59")


def test_end_that_came_nearer_meanwhile_is_taken_from_the_refusal(market, databento_source):
    market.really_ends = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)
    [answer] = databento_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.ranges == (span("2024-03-04", "2024-03-04T15:00"),)
    assert methods(market) == [
        "metadata.get_dataset_range",
        "metadata.get_dataset_condition",
        "metadata.get_record_count",
        "metadata.get_record_count",
        "metadata.get_cost",
        "timeseries.get_range",
    ]


def test_range_before_dataset_is_empty_with_a_reason(market, databento_source):
    market.starts = datetime(2024, 3, 4, tzinfo=UTC)
    before, inside = databento_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", span("2024-03-01", "2024-03-05")))
    assert (before.result, before.ranges) == ("empty", (span("2024-03-01", "2024-03-04"),))
    assert "before the first data" in before.reason
    assert (inside.result, inside.ranges) == ("complete", (DAY,))


def test_unfinished_bars_are_not_requested(market, databento_source):
    source = databento_source(now=us("2024-03-04T15:00:30") / 1e6, publishing_lag_seconds=0)
    [answer] = source.fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.ranges == (span("2024-03-04", "2024-03-04T15:00"),)
    assert list(source.fetch(RequestContext(["AAPL"], "ohlcv-1d", DAY))) == []


def test_range_of_dataset_is_requested_once(market, databento_source):
    source = databento_source()
    for ticker in ("AAPL", "MSFT"):
        list(source.fetch(RequestContext([ticker], "ohlcv-1m", DAY)))
    assert methods(market).count("metadata.get_dataset_range") == 1


def test_days_that_did_not_change_need_not_be_paid_again(market, databento_source):
    market.conditions = {
        date(2024, 3, 4): ("available", "2024-03-05"),
        date(2024, 3, 5): ("available", "2024-03-20"),
        date(2024, 3, 6): ("pending", None),
    }
    changed = databento_source().changed_since(RequestContext(range=span("2024-03-03", "2024-03-07")), us("2024-03-10"))
    assert changed == (span("2024-03-05", "2024-03-07"),)
    assert market.lines == [
        "GET /v0/metadata.get_dataset_condition?dataset=XNAS.ITCH&end_date=2024-03-06&start_date=2024-03-03"
    ]


def test_warnings_of_the_vendor_do_not_reach_users_filters(market, databento_source):
    market.warnings = ["DeprecationWarning: old", "Warning: No data found for the request you submitted."]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [answer] = databento_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.bars.num_rows == 390


def test_other_schemas_and_parents_are_refused_without_a_request(market, databento_source):
    with pytest.raises(UnsupportedSchemaError):
        list(databento_source().fetch(RequestContext(["AAPL"], "ohlcv-5m", DAY)))
    with pytest.raises(ConfigError, match="many instruments"):
        databento_source(stype_in="parent")
    assert market.requests == []


def test_other_dataset_is_the_vendors_refusal(market, databento_source):
    with pytest.raises(SourceRequestError, match="no dataset XNYS"):
        list(databento_source(dataset="XNYS.PILLAR").fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY)))
    assert len(market.requests) == 1
