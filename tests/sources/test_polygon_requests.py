"""The exact requests that each path of the Polygon source makes, and what comes of the answers."""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import date

import pytest

from mtstore.bars import arrow_schema
from mtstore.errors import UnsupportedSchemaError
from mtstore.sources.http.request import RequestContext, RequestStats
from tests.servers import faults
from tests.servers.polygon import bar, day_ms, minutes
from tests.servers.words import span, times, us

DAY = span("2024-03-04", "2024-03-05")
AGGS = "GET /v2/aggs/ticker"


def test_a_day_of_minutes_is_one_unadjusted_request_of_the_largest_page(polygon, polygon_source):
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 390)
    [answer] = polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert polygon.lines == [
        f"{AGGS}/AAPL/range/1/minute/1709510400000/1709596799999?adjusted=false&limit=50000&sort=asc"
    ]
    assert answer.result == "complete"
    assert answer.ranges == (DAY,)
    assert answer.bars.schema == arrow_schema()
    assert answer.bars.num_rows == 390
    assert answer.bars.slice(0, 1).to_pylist() == [
        {
            "ts_event": answer.bars["ts_event"][0].as_py(),
            "open": 100.0,
            "high": 101.0,
            "low": 99.0,
            "close": 100.5,
            "volume": 10.0,
            "vwap": 100.0,
            "transactions": 3,
        }
    ]
    assert times(answer)[0] == us("2024-03-04T14:30")
    assert (answer.binding.source, answer.binding.provider, answer.binding.dataset) == ("polygon", "polygon", None)
    assert answer.request == {"adjusted": False}
    assert answer.quarantined is None


def test_every_page_is_requested_unadjusted(polygon, polygon_source):
    polygon.page_limit = 100
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 250)
    polygon.companies["AAPL"].splits = [
        {"ticker": "AAPL", "execution_date": "2024-05-01", "split_from": 1, "split_to": 4}
    ]
    stats = RequestStats()
    [answer] = polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY, stats=stats))
    opened = us("2024-03-04T14:30") // 1000
    cursor = "bGltaXQ9MTAwJnNvcnQ9YXNj"
    assert polygon.lines == [
        f"{AGGS}/AAPL/range/1/minute/1709510400000/1709596799999?adjusted=false&limit=50000&sort=asc",
        f"{AGGS}/AAPL/range/1/minute/{opened + 6_000_000}/1709596799999?adjusted=false&cursor={cursor}",
        f"{AGGS}/AAPL/range/1/minute/{opened + 12_000_000}/1709596799999?adjusted=false&cursor={cursor}",
    ]
    assert answer.bars.num_rows == 250
    assert max(answer.bars["open"].to_pylist()) == 149.0
    assert (stats.requests, stats.retries) == (3, 0)
    assert stats.bytes_received > 0


def test_hours_cut_by_a_page_come_whole(polygon, polygon_source):
    polygon.page_limit = 100
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 390, start="09:00")
    [answer] = polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1h", DAY))
    assert answer.result == "complete"
    assert answer.bars["transactions"].to_pylist() == [180] * 6 + [90]
    assert "/range/1/hour/" in polygon.lines[0]


def test_days_are_requested_by_new_york_date(polygon, polygon_source):
    polygon.companies["AAPL"].days = [bar(day_ms(f"2024-03-{day:02}")) for day in (7, 8, 11, 12)]
    asked = span("2024-03-08T05:00", "2024-03-12T04:00")
    [answer] = polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1d", asked))
    assert polygon.lines == [f"{AGGS}/AAPL/range/1/day/2024-03-08/2024-03-11?adjusted=false&limit=50000&sort=asc"]
    assert times(answer) == [us("2024-03-08T05:00"), us("2024-03-11T04:00")]
    assert answer.day_tz == "America/New_York"
    assert answer.ranges == (asked,)


def test_days_of_crypto_are_days_of_utc(polygon, polygon_source):
    polygon.companies["X:BTCUSD"].days = []
    [answer] = polygon_source().fetch(RequestContext(["X:BTCUSD"], "ohlcv-1d", span("2024-03-08", "2024-03-10")))
    assert polygon.lines == [f"{AGGS}/X:BTCUSD/range/1/day/2024-03-08/2024-03-09?adjusted=false&limit=50000&sort=asc"]
    assert (answer.result, answer.day_tz, answer.bars.num_rows) == ("empty", "UTC", 0)


@pytest.mark.parametrize("ticker", ["BRK.A", "BRK/B", "BACpB", "X:BTCUSD", "I:SPX", "TRUE"])
def test_tickers_reach_the_vendor_as_they_are_spelled(polygon, polygon_source, ticker):
    polygon.companies[ticker].minutes = minutes("2024-03-04", 3)
    [answer] = polygon_source().fetch(RequestContext([ticker], "ohlcv-1m", DAY))
    assert polygon.requests[0].path.startswith(f"/v2/aggs/ticker/{ticker}/range/")
    assert answer.ticker == ticker
    assert answer.bars.num_rows == 3


def test_each_ticker_has_its_own_request(polygon, polygon_source):
    for ticker in ("AAPL", "MSFT"):
        polygon.companies[ticker].minutes = minutes("2024-03-04", 5)
    answers = list(polygon_source().fetch(RequestContext(["AAPL", "MSFT"], "ohlcv-1m", DAY)))
    assert [answer.ticker for answer in answers] == ["AAPL", "MSFT"]
    assert len(polygon.requests) == 2


def test_nothing_in_the_range_is_an_empty_answer(polygon, polygon_source):
    [answer] = polygon_source().fetch(RequestContext(["NOPE"], "ohlcv-1m", DAY))
    assert (answer.result, answer.ranges, answer.bars.num_rows) == ("empty", (DAY,), 0)


def test_range_that_reaches_now_ends_with_the_last_published_bar(polygon, polygon_source):
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 390)
    source = polygon_source(now=us("2024-03-04T15:00:30") / 1e6, publishing_lag_seconds=60)
    [answer] = source.fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.ranges == (span("2024-03-04", "2024-03-04T14:59"),)
    assert times(answer)[-1] == us("2024-03-04T14:58")
    assert polygon.requests[0].path.endswith(f"/{us('2024-03-04T14:59') // 1000 - 1}")


def test_unfinished_day_is_not_requested(polygon, polygon_source):
    source = polygon_source(now=us("2024-03-05T04:00") / 1e6)
    assert list(source.fetch(RequestContext(["AAPL"], "ohlcv-1d", span("2024-03-04T05:00", "2024-03-06T05:00")))) == []
    assert polygon.requests == []


def test_range_in_the_future_makes_no_request(polygon, polygon_source):
    assert list(polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", span("2030-01-01", "2030-01-02")))) == []
    assert polygon.requests == []


def test_delayed_plan_does_not_speak_for_the_last_quarter_of_an_hour(polygon, polygon_source):
    polygon.status = "DELAYED"
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 390)
    source = polygon_source(now=us("2024-03-04T15:00") / 1e6, publishing_lag_seconds=0)
    [answer] = source.fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.ranges == (span("2024-03-04", "2024-03-04T14:45"),)
    assert times(answer)[-1] == us("2024-03-04T14:44")


def test_beginning_clipped_by_the_plan_is_noticed_and_marked_as_failed(polygon, polygon_source):
    polygon.companies["AAPL"].minutes = minutes("2024-01-02", 10) + minutes("2024-03-04", 10)
    polygon.history_starts_ms = us("2024-02-01") // 1000
    left, right = polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", span("2024-01-01", "2024-04-01")))
    assert (left.result, left.ranges) == ("failed", (span("2024-01-01", "2024-03-04T05:00"),))
    assert "doesn't include this data timeframe" in left.reason
    assert (right.result, right.ranges) == ("complete", (span("2024-03-04T05:00", "2024-04-01"),))
    assert right.bars.num_rows == 10
    probe_end = us("2024-01-02") // 1000 - 1
    assert polygon.lines[1:] == [
        f"{AGGS}/AAPL/range/1/minute/1704067200000/{probe_end}?adjusted=false&limit=1&sort=asc"
    ]


def test_late_first_bar_of_a_young_ticker_costs_one_more_request_and_is_complete(polygon, polygon_source):
    polygon.companies["NEW"].minutes = minutes("2024-03-04", 10)
    [answer] = polygon_source().fetch(RequestContext(["NEW"], "ohlcv-1m", span("2024-01-01", "2024-04-01")))
    assert (answer.result, answer.ranges) == ("complete", (span("2024-01-01", "2024-04-01"),))
    assert len(polygon.requests) == 2


def test_splits_and_dividends_come_page_by_page_oldest_first(polygon, polygon_source):
    polygon.page_limit = 2
    company = polygon.companies["AAPL"]
    company.splits = [
        {"id": year, "ticker": "AAPL", "execution_date": f"20{year}-06-09", "split_from": 1, "split_to": 7}
        for year in (24, 20, 14)
    ]
    company.dividends = [
        {
            "ticker": "AAPL",
            "ex_dividend_date": "2024-02-09",
            "cash_amount": 0.24,
            "currency": "USD",
            "dividend_type": "CD",
            "frequency": 4,
        }
    ]
    source = polygon_source()
    splits = source.references(RequestContext(["AAPL"]), "splits")
    assert [row["execution_date"] for row in splits] == [date(2014, 6, 9), date(2020, 6, 9), date(2024, 6, 9)]
    assert splits[0] == {
        "ticker": "AAPL",
        "execution_date": date(2014, 6, 9),
        "split_from": 1.0,
        "split_to": 7.0,
        "event_id": "14",
        "source": "polygon",
    }
    assert source.references(RequestContext(["AAPL"]), "dividends") == [
        {
            "ticker": "AAPL",
            "ex_dividend_date": date(2024, 2, 9),
            "cash_amount": 0.24,
            "currency": "USD",
            "dividend_type": "CD",
            "event_id": None,
            "source": "polygon",
        }
    ]
    assert [line.split("?")[0] for line in polygon.lines] == [
        "GET /v3/reference/splits",
        "GET /v3/reference/splits",
        "GET /v3/reference/dividends",
    ]
    assert polygon.lines[0].endswith("?limit=1000&ticker=AAPL")


def test_details_are_none_for_a_ticker_the_vendor_does_not_know(polygon, polygon_source):
    polygon.companies["AAPL"].details = {"name": "Apple Inc.", "list_date": "1980-12-12"}
    source = polygon_source()
    assert source.details(RequestContext(["AAPL"]), on=date(2024, 3, 4))["name"] == "Apple Inc."
    assert source.details(RequestContext(["NOPE"])) is None
    assert len(polygon.requests) == 2
    assert polygon.requests[0].query["date"] == "2024-03-04"


def test_unsupported_schema_raises_without_a_request(polygon, polygon_source):
    with pytest.raises(UnsupportedSchemaError, match="ohlcv-1s, ohlcv-1m, ohlcv-1h, ohlcv-1d"):
        list(polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-5m", DAY)))
    assert polygon.requests == []


def test_vendor_loggers_do_not_print_to_stdout(polygon, polygon_source):
    list(polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY)))
    assert not [h for h in logging.getLogger("RESTClient").handlers if type(h) is logging.StreamHandler]


def test_vendor_package_is_imported_only_when_a_request_is_made(polygon):
    code = (
        "import sys\n"
        "from mtstore.sources.polygon.source import PolygonSource\n"
        "from mtstore.sources.http.settings import NetworkSettings\n"
        "PolygonSource(NetworkSettings('polygon', 'polygon'))\n"
        "heavy = {'polygon', 'pandas', 'pyarrow', 'databento', 'urllib3'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_successor_package_makes_the_same_requests(polygon, polygon_source):
    pytest.importorskip("massive", reason="massive is not installed (pip install 'mtstore[massive]')")
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 5)
    [answer] = polygon_source(client="massive").fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.bars.num_rows == 5
    assert polygon.lines == [
        f"{AGGS}/AAPL/range/1/minute/1709510400000/1709596799999?adjusted=false&limit=50000&sort=asc"
    ]


@pytest.mark.parametrize("absent", ["ticker", "adjusted"])
def test_an_index_has_no_volume_and_its_answer_may_say_less(polygon, polygon_source, absent):
    rows = [{name: row[name] for name in ("o", "h", "l", "c", "t")} for row in minutes("2024-03-04", 10)]
    polygon.companies["I:SPX"].minutes = rows
    polygon.plan(faults.without(absent))
    [answer] = polygon_source().fetch(RequestContext(["I:SPX"], "ohlcv-1m", DAY))
    assert (answer.result, answer.bars.num_rows, answer.quarantined) == ("complete", 10, None)
    assert set(answer.bars["volume"].to_pylist()) == {None}


def test_a_share_needs_its_volume(polygon, polygon_source):
    polygon.companies["AAPL"].minutes = [
        {name: value for name, value in row.items() if name != "v"} for row in minutes("2024-03-04", 2)
    ]
    [answer] = polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY))
    assert answer.quarantined["reason"].to_pylist() == ["volume is missing, negative or not finite"] * 2
