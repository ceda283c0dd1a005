"""Whatever Polygon does wrong ends in complete data or in an error that says so, never in fewer bars."""

from __future__ import annotations

import json
import logging
import pickle
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from mtstore.errors import SourceAnswerError, SourceAuthError, SourceError, SourceRequestError, SourceUnavailableError
from mtstore.ranges import TimeRange, subtract
from mtstore.sources.http.request import RequestContext, RequestStats
from mtstore.sources.http.settings import RetryPolicy, Secret
from tests.kits.reasons import NOT_POSITIVE
from tests.kits.time_limit import time_limit
from tests.servers import faults
from tests.servers.polygon import KEY, bar, minutes
from tests.servers.words import span, times, us

DAY = span("2024-03-04", "2024-03-05")

TRANSIENT = {
    "429": faults.polygon_error(429, "You've exceeded the maximum requests per minute"),
    "429 with a wait": faults.polygon_error(429, "slow down", retry_after="0.05"),
    "429 without a body": faults.status(429),
    "500": faults.status(500, body=b"<html>oops</html>"),
    "502": faults.status(502),
    "503 with a wait": faults.status(503, retry_after="0"),
    "504": faults.status(504),
    "html with 200": faults.html,
    "cut body": faults.cut_body,
    "cut gzip": faults.cut_stream,
    "cut gzip without a length": faults.cut_stream_without_length,
    "gzip without its checksum": faults.cut_gzip_trailer,
    "gzip with a wrong checksum": faults.wrong_gzip_checksum,
    "another encoding": faults.deflated,
    "malformed json": faults.malformed_json,
    "no results": faults.without("results"),
    "no ticker": faults.edit(lambda body: {**body, "ticker": None}),
    "no count": faults.without("resultsCount"),
    "fewer results than counted": faults.edit(lambda body: body["results"].pop() and None),
    "adjusted bars": faults.edit(lambda body: {**body, "adjusted": True}),
    "status ERROR with 200": faults.edit(lambda body: {**body, "status": "ERROR"}),
    "a list": faults.edit(lambda body: [body]),
    "results that are no objects": faults.edit(lambda body: {**body, "results": [1], "resultsCount": 1}),
    "empty body": faults.status(200),
    "gzip bomb": faults.gzip_bomb,
    "long body": faults.long_body,
    "deep json": faults.deep_json,
    "deep json of an error": faults.status(500, body=b"[" * 200_000),
}


@pytest.fixture
def market(polygon):
    """Three pages of minutes."""
    polygon.page_limit = 100
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 250)
    return polygon


def load(source, ticker="AAPL", requested=DAY, **more):
    [answer] = source.fetch(RequestContext([ticker], "ohlcv-1m", requested, **more))
    return answer


@pytest.mark.parametrize("name", TRANSIENT)
@pytest.mark.parametrize("page", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)])
def test_fault_that_passes_costs_a_retry_and_no_bar(market, polygon_source, name, page):
    seen = []

    def is_page(request):
        seen.append(request)
        return len(seen) == page

    market.plan(TRANSIENT[name], when=is_page)
    stats = RequestStats()
    answer = load(polygon_source(), stats=stats)
    assert (answer.result, answer.bars.num_rows, answer.quarantined) == ("complete", 250, None)
    assert (stats.requests, stats.retries, len(market.requests)) == (4, 1, 4)
    assert market.lines[page - 1] == market.lines[page]


@pytest.mark.parametrize("name", TRANSIENT)
def test_fault_that_stays_is_an_error_after_the_attempts_allowed_and_yields_nothing(market, polygon_source, name):
    market.plan(TRANSIENT[name], times=100, when=lambda request: "cursor" in request.query)
    kinds = (SourceUnavailableError, SourceAnswerError)
    with pytest.raises(
        kinds, match=r"polygon: bars of AAPL ohlcv-1m \[2024-03-04T00:00:00Z, .* after 4 attempts"
    ) as caught:
        list(polygon_source().fetch(RequestContext(["AAPL"], "ohlcv-1m", DAY)))
    assert len(market.requests) == 5
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (faults.gzip_bomb, "the response has more than 32 MB"),
        (faults.long_body, "the response has more than 32 MB"),
        (faults.deep_json, "the response nests lists or objects too deeply"),
    ],
)
def test_a_body_beyond_the_limits_is_an_answer_error_that_names_the_limit(market, polygon_source, fault, said):
    market.plan(fault, times=100)
    with pytest.raises(SourceAnswerError, match=f"^polygon: bars of AAPL .*{said}"):
        load(polygon_source())


@pytest.mark.parametrize(
    ("code", "error"),
    [(400, SourceRequestError), (401, SourceAuthError), (403, SourceAuthError), (404, SourceRequestError)],
)
def test_refusal_is_final_and_not_repeated(market, polygon_source, code, error):
    market.plan(faults.polygon_error(code, "no"), times=100)
    with pytest.raises(error, match=f"HTTP {code}: no .request id req-error"):
        load(polygon_source())
    assert len(market.requests) == 1


def test_revoked_key_is_not_tried_again_for_other_tickers(market, polygon_source):
    market.keys.clear()
    source = polygon_source()
    for ticker in ("AAPL", "MSFT", "GOOG"):
        with pytest.raises(SourceAuthError, match="Unknown API Key"):
            load(source, ticker)
    assert len(market.requests) == 1


def test_missing_key_is_an_error_before_any_request(market, polygon_source):
    with pytest.raises(SourceAuthError, match="has no key"):
        load(polygon_source(api_key=None))
    assert market.requests == []


def test_retry_after_is_waited_for_by_every_thread(market, polygon_source):
    market.companies["MSFT"].minutes = minutes("2024-03-04", 5)
    market.plan(faults.polygon_error(429, "wait", retry_after="0.5"))
    source = polygon_source()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(load, source)
        while not market.requests:
            time.sleep(0.01)
        time.sleep(0.3)  # by then the first answer has come
        load(source, "MSFT")
        first.result()
    stamps = [request.at for request in market.requests]
    assert min(stamps[1:]) - stamps[0] >= 0.5


def test_wait_longer_than_the_deadline_is_not_begun(market, polygon_source):
    market.plan(faults.polygon_error(429, "come back tomorrow", retry_after="86400"), times=9)
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="asks to wait 86400 s"):
        load(polygon_source())
    assert time.monotonic() - began < 10
    assert len(market.requests) == 1


def test_storm_of_429_never_has_more_requests_than_attempts(market, polygon_source):
    market.plan(faults.polygon_error(429, "busy"), times=10_000)
    source = polygon_source(max_concurrency=3)
    with ThreadPoolExecutor(6) as pool:
        results = [pool.submit(load, source) for _ in range(6)]
        assert all(isinstance(result.exception(), SourceUnavailableError) for result in results)
    assert len(market.requests) == 6 * 4
    assert market.most_in_flight <= 3


def test_vendor_limit_is_never_hit_when_it_is_configured(market, polygon_source):
    market.per_minute, market.window_seconds = 5, 0.5
    source = polygon_source(requests_per_minute=5)
    source._session._limiter._window = 0.5  # a minute is too long for a test
    for ticker in ("A", "B", "C"):
        market.companies[ticker].minutes = minutes("2024-03-04", 250)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda ticker: load(source, ticker), "ABC"))
    assert [answer.bars.num_rows for answer in answers] == [250] * 3
    assert len(market.requests) == 9


def test_hanging_response_times_out_and_is_retried(market, polygon_source):
    market.plan(faults.hang())
    began = time.monotonic()
    assert load(polygon_source(timeout_seconds=0.3)).bars.num_rows == 250
    assert 0.3 <= time.monotonic() - began < 20


def test_server_that_always_hangs_is_unavailable(market, polygon_source):
    market.plan(faults.hang(), times=100)
    with pytest.raises(SourceUnavailableError, match=r"ReadTimeout.* after 4 attempts"):
        load(polygon_source(timeout_seconds=0.1))


def test_slow_answer_is_waited_for(market, polygon_source):
    market.plan(faults.slow(0.015), times=1)
    stats = RequestStats()
    assert load(polygon_source(timeout_seconds=1), stats=stats).bars.num_rows == 250
    assert stats.retries == 0


def test_answer_that_trickles_for_ever_ends_with_the_time_of_an_attempt(market, polygon_source):
    market.plan(faults.slow(0.5), times=1)
    policy = RetryPolicy(max_attempts=4, backoff_seconds=0.01, attempt_seconds=0.7)
    began = time.monotonic()
    assert load(polygon_source(retry=policy)).bars.num_rows == 250
    assert time.monotonic() - began < 20


def test_refused_connection_is_unavailable(market, polygon_source):
    with pytest.raises(SourceUnavailableError, match="after 4 attempts"):
        load(polygon_source(base_url="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    "spoil",
    [faults.hang(), faults.slow(0.2), faults.polygon_error(429, "wait", retry_after="4")],
    ids=["hanging", "trickling", "told to wait"],
)
def test_cancelling_leaves_within_two_seconds_wherever_the_fetch_is(market, polygon_source, spoil):
    market.plan(spoil, times=100)
    cancel = threading.Event()
    source = polygon_source(timeout_seconds=20)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(load, source, cancel=cancel)
        while not market.requests:
            time.sleep(0.01)
        time.sleep(0.2)
        began = time.monotonic()
        cancel.set()
        with pytest.raises(CancelledError):
            result.result()
        assert time.monotonic() - began < time_limit(2)


def test_cancelling_ends_the_wait_for_the_limiter(market, polygon_source):
    source = polygon_source(requests_per_minute=1)
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        load(source, cancel=cancel)
    assert time.monotonic() - began < time_limit(0.3 + 2)
    assert len(market.requests) == 1


def test_legal_oddities_of_gzip_are_read(market, polygon_source):
    market.plan(faults.two_gzip_members, times=3)
    stats = RequestStats()
    assert load(polygon_source(), stats=stats).bars.num_rows == 250
    assert stats.retries == 0


def test_repeated_rows_across_pages_are_stored_once(market, polygon_source):
    first = minutes("2024-03-04", 250)
    market.plan(faults.edit_rows(lambda rows: first[90:100] + rows), when=lambda request: "cursor" in request.query)
    answer = load(polygon_source())
    assert (answer.result, answer.bars.num_rows, answer.quarantined) == ("complete", 250, None)


def test_page_that_comes_twice_ends_the_paging(market, polygon_source):
    opened = us("2024-03-04T14:30") // 1000
    page_two = f"https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/minute/{opened + 6_000_000}/1709596799999"
    market.plan(
        faults.edit(lambda body: {**body, "next_url": f"{page_two}?cursor=bGltaXQ9MTAwJnNvcnQ9YXNjJng9MQ"}),
        when=lambda request: "cursor" in request.query,
        times=100,
    )
    with pytest.raises(SourceAnswerError, match="page 3 has no new bar of the range but names a next page"):
        load(polygon_source())
    assert len(market.requests) == 3


@pytest.mark.parametrize(("step", "requests"), [(10, 97), (-10, 2)])
def test_paging_ends_with_the_page_beyond_the_range(market, polygon_source, step, requests):
    """Every page names another one, ten minutes further on, or further back."""
    day = us("2024-03-04") // 1000
    counter = iter(range(10_000))

    def onward(body):
        number = next(counter)
        rows = [bar(day + 60_000 * (step * number + minute)) for minute in range(10)]
        path = f"/v2/aggs/ticker/AAPL/range/1/minute/{day}/1709596799999?cursor=bGltaXQ9MTAw&at={number}"
        return {**body, "results": rows, "resultsCount": 10, "next_url": f"https://api.polygon.io{path}"}

    market.plan(faults.edit(onward), times=1_000)
    requested = span("2024-03-04", "2024-03-04T16:00")
    source = polygon_source()
    if step > 0:
        answer = load(source, requested=requested)
        assert (answer.bars.num_rows, answer.result) == (960, "partial")
    else:
        with pytest.raises(SourceAnswerError, match="page 2 has no new bar of the range"):
            load(source, requested=requested)
    assert len(market.requests) == requests


def test_splits_that_repeat_on_new_pages_end_the_paging(market, polygon_source):
    market.companies["AAPL"].splits = [
        {"ticker": "AAPL", "execution_date": "2024-03-05", "split_from": 1, "split_to": 2}
    ]
    counter = iter(range(10_000))

    def onward(body):
        return {
            **body,
            "next_url": f"https://api.polygon.io/v3/reference/splits?at={next(counter)}&ticker=AAPL&limit=9",
        }

    market.plan(faults.edit(onward), times=1_000)
    with pytest.raises(SourceAnswerError, match="a page without new rows names a next page"):
        polygon_source().references(RequestContext(["AAPL"]), "splits")
    assert len(market.requests) == 2


def test_pages_out_of_order_are_put_in_order(market, polygon_source):
    opened = us("2024-03-04T14:30") // 1000

    def page(at, n):
        path = f"/v2/aggs/ticker/AAPL/range/1/minute/{opened + 60_000 * at}/1709596799999"
        return f"https://api.polygon.io{path}?cursor=bGltaXQ9MTAwJnNvcnQ9YXNjJng9{n}"

    chain = iter([page(200, "MQ"), page(100, "Mg"), None])

    def shuffled(body):
        following = next(chain)
        body.pop("next_url", None)
        return body if following is None else {**body, "next_url": following}

    market.plan(faults.edit(shuffled), times=3)
    answer = load(polygon_source())
    assert (answer.result, answer.bars.num_rows) == ("complete", 250)
    assert times(answer) == sorted(times(answer))


def test_cursor_that_goes_in_circles_is_an_error(market, polygon_source):
    here: dict[str, Any] = {}

    def loop(body):
        here.setdefault("url", body["next_url"])
        return {**body, "next_url": here["url"]}

    market.plan(faults.edit(loop), times=1000)
    with pytest.raises(SourceAnswerError, match="page 3 has no new bar of the range"):
        load(polygon_source())
    assert len(market.requests) == 3


def test_endless_cursors_without_new_bars_are_an_error(market, polygon_source):
    counter = iter(range(10_000))

    def onward(body):
        path = "/v2/aggs/ticker/AAPL/range/1/minute/1709562600000/1709596799999"
        return {**body, "next_url": f"https://api.polygon.io{path}?cursor=bGltaXQ9MTAw&at={next(counter)}"}

    market.plan(faults.edit(onward), times=1000)
    with pytest.raises(SourceAnswerError, match="no new bar of the range"):
        load(polygon_source())
    assert len(market.requests) < 10


def test_next_page_of_another_ticker_is_an_error(market, polygon_source):
    market.plan(faults.edit(lambda body: {**body, "next_url": body["next_url"].replace("AAPL", "MSFT")}), times=100)
    with pytest.raises(SourceAnswerError, match="next page is of other bars"):
        load(polygon_source())


def test_key_in_next_url_goes_nowhere(market, polygon_source):
    market.plan(faults.edit(lambda body: {**body, "next_url": f"{body['next_url']}&apiKey={KEY}"}))
    assert load(polygon_source()).bars.num_rows == 250
    assert not any(KEY in line for line in market.lines)


def test_page_of_another_ticker_is_quarantined_and_the_range_partial(market, polygon_source):
    market.plan(faults.edit(lambda body: {**body, "ticker": "MSFT"}), when=lambda request: "cursor" in request.query)
    answer = load(polygon_source())
    assert (answer.result, answer.bars.num_rows, answer.quarantined.num_rows) == ("partial", 150, 100)
    assert set(answer.quarantined["reason"].to_pylist()) == {"bar of another ticker, MSFT"}
    assert answer.reason == "100 rows: bar of another ticker, MSFT"


def test_bars_of_another_range_are_quarantined(market, polygon_source):
    market.plan(faults.edit_rows(lambda rows: minutes("2023-03-06", 7)), times=1)
    market.page_limit = 50_000
    answer = load(polygon_source())
    assert (answer.result, answer.bars.num_rows, answer.quarantined.num_rows) == ("quarantined", 0, 7)
    assert answer.quarantined["reason"][0].as_py() == "ts_event is outside of the covered range"
    assert answer.quarantined["origin"][0].as_py().startswith("/v2/aggs/ticker/AAPL/range/1/minute/")


def broken(**changes):
    return {**bar(us("2024-03-04T20:00") // 1000), **changes}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (broken(c=None), "close is missing"),
        ({k: v for k, v in broken().items() if k != "o"}, "open is missing"),
        (broken(o="abc"), "open is missing"),
        (broken(h=50.0), "high is below open or close"),
        (broken(l=500.0), "low is above open or close"),
        (
            broken(o=-5.0, l=-6.0),
            NOT_POSITIVE,
        ),
        (broken(v=-1), "volume is missing, negative or not finite"),
        (broken(v=None), "volume is missing, negative or not finite"),
        (broken(n=-1), "transactions is negative or not a whole number"),
        (broken(t=us("2024-03-04T20:00:01") // 1000), "ts_event is not on a whole bar"),
        (broken(t=None), "ts_event is missing or not a time"),
        (broken(t="soon"), "ts_event is missing or not a time"),
        (broken(t=10**30), "ts_event is missing or not a time"),
        (broken(h=float("inf")), "a price is not finite"),
        (broken(h=float("nan")), "high is missing"),
    ],
)
def test_bad_row_is_quarantined_and_others_are_stored(polygon, polygon_source, row, reason):
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 5)
    polygon.plan(faults.edit_rows(lambda rows: [*rows, row]))
    answer = load(polygon_source())
    assert answer.bars.num_rows == 5
    assert answer.quarantined["reason"].to_pylist() == [reason]
    slot = TimeRange(us("2024-03-04T20:00"), us("2024-03-04T20:01"))
    if "ts_event" in reason:
        assert (answer.result, answer.ranges, answer.partial_ranges) == ("partial", (DAY,), ())
    else:
        assert (answer.result, answer.ranges, answer.partial_ranges) == ("complete", subtract((DAY,), (slot,)), (slot,))


def test_fractional_volume_and_missing_values_are_stored(polygon, polygon_source):
    row = {name: value for name, value in broken(v=25933.6).items() if name not in ("vw", "n")}
    polygon.companies["AAPL"].minutes = [row]
    answer = load(polygon_source())
    assert answer.result == "complete"
    stored = answer.bars.to_pylist()[0]
    assert (stored["volume"], stored["vwap"], stored["transactions"]) == (25933.6, None, None)


def test_index_may_be_negative(polygon, polygon_source):
    polygon.companies["I:SPREAD"].minutes = [bar(us("2024-03-04T20:00") // 1000, price=-5.0)]
    assert load(polygon_source(), "I:SPREAD").result == "complete"


def test_bar_that_came_twice_with_other_values_keeps_the_later_and_quarantines_the_earlier(polygon, polygon_source):
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 3)
    polygon.plan(faults.edit_rows(lambda rows: [{**rows[1], "v": 99.0}, *rows]))
    answer = load(polygon_source())
    assert (answer.result, answer.bars["volume"].to_pylist()) == ("complete", [10.0] * 3)
    assert answer.partial_ranges == (span("2024-03-04T14:31", "2024-03-04T14:32"),)
    assert answer.quarantined["volume"].to_pylist() == [99.0]


def test_withdrawn_and_corrected_bars_come_as_the_vendor_has_them_now(polygon, polygon_source):
    polygon.companies["AAPL"].minutes = minutes("2024-03-04", 5)
    source = polygon_source()
    before = load(source)
    polygon.companies["AAPL"].minutes.pop(2)
    polygon.companies["AAPL"].minutes[0]["v"] = 77.0
    after = load(source)
    assert (before.bars.num_rows, after.bars.num_rows) == (5, 4)
    assert after.bars["volume"][0].as_py() == 77.0
    assert after.result == "complete"


def test_answer_that_leaves_out_the_beginning_of_what_the_vendor_has_is_an_error(polygon, polygon_source):
    polygon.companies["AAPL"].minutes = minutes("2024-01-02", 10) + minutes("2024-03-04", 10)
    polygon.plan(faults.edit_rows(lambda rows: rows[10:]))
    with pytest.raises(SourceAnswerError, match="left out"):
        load(polygon_source(), requested=span("2024-01-02", "2024-04-01"))


@pytest.mark.parametrize("field", ["execution_date", "split_from", "split_to"])
def test_split_that_makes_no_sense_is_an_error(polygon, polygon_source, field):
    row = {"ticker": "AAPL", "execution_date": "2020-01-01", "split_from": 1, "split_to": 4}
    polygon.companies["AAPL"].splits = [{**row, field: "x"}]
    with pytest.raises(SourceAnswerError, match=field):
        polygon_source().references(RequestContext(["AAPL"]), "splits")


def test_splits_of_other_tickers_are_an_error(polygon, polygon_source):
    polygon.companies["AAPL"].splits = [
        {"ticker": "TSLA", "execution_date": "2020-01-01", "split_from": 1, "split_to": 5}
    ]
    with pytest.raises(SourceAnswerError, match="other tickers, TSLA"):
        polygon_source().references(RequestContext(["AAPL"]), "splits")


def test_key_appears_in_no_error_log_or_repr(market, polygon_source, caplog):
    """A server that repeats the key in its answers is the worst case."""
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"status": "ERROR", "error": f"bad key {KEY}", "request_id": KEY}).encode()
    market.plan(faults.status(500, body=echo), times=2)
    market.plan(faults.status(403, body=echo), when=lambda _: len(market.requests) > 2)
    source = polygon_source()
    with pytest.raises(SourceError) as caught:
        load(source)
    texts = [repr(source.settings), repr(source), repr(Secret(KEY)), str(Secret(KEY)), caplog.text]
    texts += [str(vars(record)) for record in caplog.records]
    error: BaseException | None = caught.value
    while error is not None:
        texts += [str(error), repr(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert "***" in str(caught.value)
    assert not [text for text in texts if KEY in text]
    with pytest.raises(TypeError):
        pickle.dumps(Secret(KEY))


def test_log_lines_have_their_context(market, polygon_source, caplog):
    caplog.set_level(logging.INFO, logger="mtstore.sources")
    market.plan(faults.polygon_error(500, "oops"))
    load(polygon_source())
    [record] = [record for record in caplog.records if record.name == "mtstore.sources"]
    assert (record.source, record.ticker, record.attempt, record.status, record.request_id) == (
        "polygon",
        "AAPL",
        1,
        500,
        "req-error",
    )
    assert record.range == (DAY.start_us, DAY.end_us)


def test_redirect_is_refused_rather_than_followed_with_the_key(market, polygon_source):
    def elsewhere(_, reply):
        return replace(reply, status=302, headers={"Location": "http://127.0.0.1:9/"}, body=b"")

    market.plan(elsewhere, times=5)
    with pytest.raises(SourceRequestError, match="HTTP 302"):
        load(polygon_source())
    assert urlsplit(market.url).port
