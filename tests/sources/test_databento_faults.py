"""Whatever Databento does wrong ends in complete data or in an error that says so, never in fewer bars."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace

import pytest
import zstandard

from mtstore.errors import (
    CostLimitError,
    SourceAnswerError,
    SourceAuthError,
    SourceError,
    SourceRequestError,
    SourceUnavailableError,
)
from mtstore.ranges import TimeRange
from mtstore.sources.http.downloads import Downloads
from mtstore.sources.http.request import RequestContext, RequestStats
from mtstore.sources.vendor import CostBudget
from tests.kits.reasons import NOT_POSITIVE
from tests.kits.time_limit import time_limit
from tests.servers import faults
from tests.servers.databento import KEY, bars
from tests.servers.words import span, us

DAY = span("2024-03-04", "2024-03-05")


def is_range(request):
    return request.path.endswith("timeseries.get_range")


def is_metadata(request):
    return not is_range(request)


def recompress(change):
    """Change the plain DBN and compress it again: a proper zstd stream of something wrong."""

    def apply(_, reply):
        plain = zstandard.ZstdDecompressor().decompressobj().decompress(reply.body)
        return replace(reply, body=zstandard.compress(change(plain)))

    return apply


def drop_last_frame(_, reply):
    """A stream of two frames that ends after the first, and between two records."""
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(reply.body)
    return replace(reply, body=zstandard.compress(plain[: -56 * 3]))


STREAM = {
    "429": faults.databento_error(429, "rate_limit", "slow down", retry_after="0"),
    "429 without json": faults.status(429, body=b"slow down"),
    "500": faults.databento_error(500, "internal", "oops"),
    "502 html": faults.status(502, body=b"<html>bad gateway</html>"),
    "504": faults.status(504),
    "408": faults.status(408),
    "error body that is a list": faults.status(500, body=b"[]"),
    "html with 200": faults.html,
    "empty body": faults.status(200),
    "cut body": faults.cut_body,
    "cut zstd": faults.cut_stream,
    "cut zstd without a length": faults.cut_stream_without_length,
    "a frame is missing": drop_last_frame,
    "cut inside a record": recompress(lambda plain: plain[:-20]),
    "cut inside the metadata": recompress(lambda plain: plain[:50]),
    "no dbn": recompress(lambda plain: b"hello"),
    "no records": recompress(lambda plain: plain[: 8 + int.from_bytes(plain[4:8], "little")]),
    "warning header that is no json": lambda _, reply: reply.header("X-Warning", "oops"),
}
METADATA = {
    "429": faults.databento_error(429, "rate_limit", "slow down", retry_after="0"),
    "500": faults.status(500, body=b"oops"),
    "html with 200": faults.html,
    "cut body": faults.cut_body,
    "cut json": faults.cut_stream,
    "a list": faults.status(200, body=b"[]"),
    "null": faults.status(200, body=b"null"),
    "text": faults.status(200, body=b'"free"'),
}


@pytest.fixture
def market(databento):
    databento.list_symbol("AAPL").bars["ohlcv-1m"] = bars("2024-03-04T14:30", 390)
    databento.list_symbol("MSFT").bars["ohlcv-1m"] = bars("2024-03-04T14:30", 100)
    return databento


def load(source, tickers=("AAPL",), *, folder=None, budget=None, **more):
    request = RequestContext(list(tickers), "ohlcv-1m", DAY, **more)
    downloads = Downloads(folder, folder) if folder else None
    answers = list(source.fetch(request, downloads=downloads, budget=budget))
    if downloads is not None:
        assert len(list(folder.iterdir())) == 1
        downloads.delete()
    return answers


@pytest.mark.parametrize("name", STREAM)
def test_fault_of_the_stream_that_passes_costs_a_retry_and_no_bar(market, databento_source, tmp_path, name):
    market.plan(STREAM[name], when=is_range)
    stats = RequestStats()
    answers = load(databento_source(), ["AAPL", "MSFT"], stats=stats, folder=tmp_path)
    assert [(answer.result, answer.bars.num_rows) for answer in answers] == [("complete", 390), ("complete", 100)]
    assert (stats.requests, stats.retries) == (6, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", STREAM)
def test_fault_of_the_stream_that_stays_is_an_error_and_leaves_no_file(market, databento_source, tmp_path, name):
    market.plan(STREAM[name], times=100, when=is_range)
    with pytest.raises((SourceUnavailableError, SourceAnswerError), match=r"bars of AAPL ohlcv-1m .*after 4 attempts"):
        load(databento_source(), folder=tmp_path)
    assert sum(map(is_range, market.requests)) == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", METADATA)
def test_fault_of_the_metadata_that_passes_costs_a_retry(market, databento_source, name):
    market.plan(METADATA[name], times=3, when=is_metadata)
    [answer] = load(databento_source())
    assert (answer.result, answer.bars.num_rows) == ("complete", 390)


@pytest.mark.parametrize("name", METADATA)
@pytest.mark.parametrize(
    "method",
    [
        "get_dataset_range",
        "get_dataset_condition",
        pytest.param("get_record_count", marks=pytest.mark.slow),
        "get_cost",
    ],
)
def test_fault_of_the_metadata_that_stays_is_an_error_before_anything_is_paid(market, databento_source, name, method):
    if name == "cut json" and method != "get_dataset_range":
        pytest.skip("half a number is a valid number: the cut cannot be detected")
    if (name, method) == ("a list", "get_dataset_condition"):
        pytest.skip("a list without days is a valid answer")
    market.plan(METADATA[name], times=100, when=lambda request: request.path.endswith(method))
    with pytest.raises((SourceUnavailableError, SourceAnswerError), match="after 4 attempts"):
        load(databento_source())
    assert not any(map(is_range, market.requests))


@pytest.mark.parametrize(
    ("code", "case", "error"),
    [
        (401, "auth_authentication_failed", SourceAuthError),
        (402, "account_insufficient_funds", SourceAuthError),
        (403, "license_not_found_unauthorized", SourceAuthError),
        (404, "not_found", SourceRequestError),
        (422, "data_time_range_start_on_or_after_end", SourceRequestError),
    ],
)
def test_refusal_is_final_and_not_repeated(market, databento_source, code, case, error):
    market.plan(faults.databento_error(code, case, "no"), times=100, when=is_range)
    with pytest.raises(error, match=f"HTTP {code}: {case}: no .request id req-error"):
        load(databento_source())
    assert sum(map(is_range, market.requests)) == 1


def test_revoked_key_is_tried_once(market, databento_source):
    market.keys.clear()
    source = databento_source()
    for _ in range(3):
        with pytest.raises(SourceAuthError, match="auth_authentication_failed"):
            load(source)
    assert len(market.requests) == 1


def test_missing_key_is_an_error_before_any_request(market, databento_source):
    with pytest.raises(SourceAuthError, match="has no key"):
        load(databento_source(api_key=None))
    assert market.requests == []


def test_broken_answers_are_paid_and_counted(market, databento_source):
    """What came is billed, whole or not: the budget must know."""
    market.dollars_per_record = 0.01
    market.plan(faults.cut_body, when=is_range)
    budget = CostBudget(10.0)
    load(databento_source(), budget=budget)
    assert budget.spent_usd == pytest.approx(7.8)


def test_broken_answer_is_not_bought_again_beyond_the_budget(market, databento_source):
    market.dollars_per_record = 0.01
    market.plan(faults.cut_stream, when=is_range)
    budget = CostBudget(5.0)
    with pytest.raises(CostLimitError, match="once more after a broken response"):
        load(databento_source(), budget=budget)
    assert sum(map(is_range, market.requests)) == 1
    assert budget.spent_usd == pytest.approx(3.9)


def test_refused_request_costs_nothing(market, databento_source):
    market.dollars_per_record = 0.01
    market.plan(faults.databento_error(503, "busy", "no"), times=100, when=is_range)
    budget = CostBudget(5.0)
    with pytest.raises(SourceUnavailableError):
        load(databento_source(), budget=budget)
    assert budget.spent_usd == 0


def test_streams_of_several_frames_are_read(market, databento_source):
    market.frames = 5
    [answer] = load(databento_source())
    assert answer.bars.num_rows == 390


def test_answer_for_another_range_is_an_error(market, databento_source):
    def earlier(_, reply):
        return replace(reply, body=zstandard.compress(market.dbn(given)))

    given = {
        "start": str(us("2024-03-03") * 1000),
        "end": str(us("2024-03-04T20:00") * 1000),
        "symbols": "AAPL",
        "schema": "ohlcv-1m",
        "stype_in": "raw_symbol",
    }
    market.plan(earlier, times=100, when=is_range)
    with pytest.raises(SourceAnswerError, match="the response covers"):
        load(databento_source())


def test_answer_about_other_tickers_is_an_error(market, databento_source):
    market.list_symbol("TSLA").bars["ohlcv-1m"] = bars("2024-03-04T14:30", 5)
    market.extra_symbols = ["TSLA"]
    with pytest.raises(SourceAnswerError, match="about other tickers, TSLA"):
        load(databento_source())


def test_answer_in_another_schema_is_an_error(market, databento_source):
    market.instruments["AAPL"].bars["ohlcv-1h"] = bars("2024-03-04T14:00", 390, step=3600)

    def hourly(request, reply):
        return replace(reply, body=zstandard.compress(market.dbn({**request.form, "schema": "ohlcv-1h"})))

    market.plan(hourly, times=100, when=is_range)
    with pytest.raises(SourceAnswerError, match=r"XNAS.ITCH ohlcv-1h instead of XNAS.ITCH ohlcv-1m"):
        load(databento_source())


def test_bar_off_the_grid_puts_the_range_in_doubt(market, databento_source):
    at = us("2024-03-04T20:00") // 1_000_000
    market.instruments["AAPL"].bars["ohlcv-1m"].append((at + 7, 100.0, 5, 2))
    [answer] = load(databento_source())
    assert (answer.result, answer.bars.num_rows) == ("partial", 390)
    assert answer.quarantined["reason"].to_pylist() == ["ts_event is not on a whole bar"]
    assert answer.quarantined["origin"][0].as_py().startswith("timeseries.get_range XNAS.ITCH ohlcv-1m ")


def test_negative_price_of_a_stock_is_quarantined_and_its_slot_is_partial(market, databento_source):
    at = us("2024-03-04T21:10")
    market.instruments["AAPL"].bars["ohlcv-1m"].append((at // 1_000_000, -5.0, 5, 2))
    [answer] = load(databento_source())
    assert (answer.result, answer.bars.num_rows) == ("complete", 390)
    assert answer.partial_ranges == (TimeRange(at, at + 60_000_000),)
    assert answer.quarantined["reason"].to_pylist() == [NOT_POSITIVE]


def test_negative_price_of_a_future_is_stored(databento, databento_source):
    databento.dataset = "GLBX.MDP3"
    at = us("2020-04-20T18:30") // 1_000_000
    databento.list_symbol("CLK0").bars["ohlcv-1m"] = [(at, -37.63, 5, 1)]
    source = databento_source(dataset="GLBX.MDP3")
    [answer] = source.fetch(RequestContext(["CLK0"], "ohlcv-1m", span("2020-04-20", "2020-04-21")))
    assert (answer.result, answer.bars["close"].to_pylist()) == ("complete", [-37.63])


def test_withdrawn_and_corrected_bars_come_as_the_vendor_has_them_now(market, databento_source):
    source = databento_source()
    load(source)
    rows = market.instruments["AAPL"].bars["ohlcv-1m"]
    rows.pop(5)
    rows[0] = (rows[0][0], 55.0, 1, 2)
    [answer] = load(source)
    assert (answer.result, answer.bars.num_rows, answer.bars["open"][0].as_py()) == ("complete", 389, 55.0)


def test_hanging_response_times_out_and_is_retried(market, databento_source):
    market.plan(faults.hang(), when=is_range)
    began = time.monotonic()
    [answer] = load(databento_source(timeout_seconds=0.3))
    assert answer.bars.num_rows == 390
    assert 0.3 <= time.monotonic() - began < 20


def test_slow_answer_is_waited_for(market, databento_source):
    market.plan(faults.slow(0.015), when=is_range)
    stats = RequestStats()
    [answer] = load(databento_source(timeout_seconds=1), stats=stats)
    assert (answer.bars.num_rows, stats.retries) == (390, 0)


@pytest.mark.parametrize("spoil", [faults.hang(), faults.slow(0.2)], ids=["hanging", "trickling"])
@pytest.mark.parametrize("where", [is_range, is_metadata], ids=["stream", "metadata"])
def test_cancelling_leaves_within_two_seconds_wherever_the_fetch_is(market, databento_source, tmp_path, spoil, where):
    market.plan(spoil, times=100, when=where)
    cancel = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(load, databento_source(timeout_seconds=20), cancel=cancel, folder=tmp_path)
        while not any(map(where, market.requests)):
            time.sleep(0.01)
        time.sleep(0.1)
        began = time.monotonic()
        cancel.set()
        with pytest.raises(CancelledError):
            result.result()
        assert time.monotonic() - began < time_limit(2)


def test_key_appears_in_no_error_log_or_repr(market, databento_source, caplog):
    caplog.set_level(logging.DEBUG)
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    echo = json.dumps({"detail": {"case": f"c-{KEY}", "message": f"{KEY} {basic}", "docs": None}}).encode()
    market.plan(faults.status(500, body=echo), times=2)
    market.plan(faults.status(403, body=echo), when=lambda _: len(market.requests) > 2)
    source = databento_source()
    with pytest.raises(SourceError) as caught:
        load(source)
    texts = [repr(source.settings), repr(source), caplog.text, *(str(vars(record)) for record in caplog.records)]
    error: BaseException | None = caught.value
    while error is not None:
        texts += [str(error), repr(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert "***" in str(caught.value)
    assert not [text for text in texts if KEY in text or basic.rstrip("=") in text]
