"""The small parts under the vendor sources, each by itself."""

from __future__ import annotations

import inspect
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore.config import load_config
from mtstore.errors import ConfigError, CostLimitError, SourceAuthError
from mtstore.ranges import US_PER_DAY, TimeRange
from mtstore.sources import bar_grid
from mtstore.sources.bar_rules import check_bars
from mtstore.sources.databento.day_conditions import DayCondition, changed_since
from mtstore.sources.databento.session import DatabentoSession
from mtstore.sources.http.failures import Failure, kind_of_status, parse_retry_after
from mtstore.sources.http.named_end import read_instant_us
from mtstore.sources.http.rate_limit import Limiter, StopSignal
from mtstore.sources.http.settings import Secret
from mtstore.sources.vendor import CostBudget
from tests.servers.words import span, us

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("0", 0), ("1.5", 1.5), ("-3", 0), ("soon", None), ("inf", None), ("nan", None), ("", None)],
)
def test_retry_after_in_seconds(text, seconds):
    assert parse_retry_after(text) == seconds


def test_retry_after_as_a_date():
    at = datetime.now(UTC) + timedelta(seconds=30)
    assert parse_retry_after(format_datetime(at, usegmt=True)) == pytest.approx(30, abs=2)
    assert parse_retry_after(format_datetime(at - timedelta(days=1), usegmt=True)) == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "request"),
        (401, "auth"),
        (402, "auth"),
        (403, "auth"),
        (404, "request"),
        (408, "unavailable"),
        (413, "request"),
        (422, "request"),
        (429, "unavailable"),
        (500, "unavailable"),
        (503, "unavailable"),
        (302, "request"),
    ],
)
def test_status_decides_whether_a_call_is_repeated(status, kind):
    assert kind_of_status(status) == kind
    assert Failure(kind_of_status(status), "").is_retryable == (kind == "unavailable")


def test_every_exception_of_the_databento_client_is_known():
    from databento.common import error as errors

    found = {name for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, Exception)}
    assert found == {
        "BentoError",
        "BentoHttpError",
        "BentoServerError",
        "BentoClientError",
        "BentoWarning",
        "BentoDeprecationWarning",
    }


def test_databento_exceptions_are_classified():
    import requests
    from databento.common.error import BentoClientError, BentoError, BentoServerError

    classify = DatabentoSession.classify

    assert classify(BentoServerError(503, headers={"Retry-After": "7"})).retry_after_seconds == 7
    assert (
        DatabentoSession.classify(BentoClientError(422, json_body={"detail": {"case": "x", "message": "y"}})).code
        == "x"
    )
    assert classify(BentoClientError(401, json_body={"detail": "bad key"})).kind == "auth"
    assert classify(BentoError("Error streaming response: cut")).kind == "unavailable"
    assert classify(BentoError("Could not determine compression format")).kind == "answer"
    assert classify(requests.exceptions.ReadTimeout("slow")).kind == "unavailable"
    assert classify(requests.exceptions.JSONDecodeError("no", "", 0)).kind == "answer"


DATABENTO = {"provider": "databento", "dataset": "XNAS.ITCH"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"base_url": "http://user:secret@host"}, "base_url: an address holds no user name or password"),
        ({"base_url": "https://host/?apiKey=secret"}, "base_url: an address is written https://host.*without a path"),
        ({"base_url": "ftp://host"}, "base_url: an address is written https://host"),
        ({"base_url": "https://host/v2"}, "base_url: an address is written https://host.*without a path"),
        ({"base_url": "https://host/#v2"}, "base_url: an address is written https://host.*without a path"),
        ({**DATABENTO, "gateway": "http://host"}, "gateway: an address is written https://host"),
        ({"provider": "databento"}, "dataset: is missing"),
        ({"requests_per_minute": 0}, "requests_per_minute: 0: must be at least 1"),
        ({"requests_per_minute": 0.5}, "requests_per_minute: 0.5: must be at least 1"),
        ({"max_concurrency": 0}, "max_concurrency: 0: must be at least 1"),
        ({"max_concurrency": 101}, "max_concurrency: 101: must be at most 100"),
        ({"timeout_seconds": 0}, "timeout_seconds: 0: must be above 0"),
        ({**DATABENTO, "max_cost_usd": -1}, "max_cost_usd: -1: must be at least 0"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_without_showing_secrets(changes, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        load_config({"sources": {"name": {"provider": "polygon", **changes}}})
    assert "secret" not in str(caught.value)
    assert all(problem.startswith("sources.name.") for problem in caught.value.problems)


def test_secret_is_read_when_it_is_needed():
    def missing() -> str:
        raise SourceAuthError("not set")

    secret = Secret(missing)
    assert repr(secret) == "Secret(***)"
    with pytest.raises(SourceAuthError):
        secret.reveal()


def test_limiter_never_lets_more_requests_into_a_window_than_there_are_tokens():
    limiter = Limiter(requests_per_minute=5, max_concurrency=3, window_seconds=0.2)
    stamps, flying, most = [], [0], [0]
    lock = threading.Lock()

    def work(_):
        with limiter.slot():
            with lock:
                stamps.append(time.monotonic())
                flying[0] += 1
                most[0] = max(most[0], flying[0])
            time.sleep(0.005)
            with lock:
                flying[0] -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(18)))
    stamps.sort()
    assert all(later - earlier >= 0.2 for earlier, later in zip(stamps, stamps[5:], strict=False))
    assert most[0] <= 3


def test_paused_limiter_admits_no_request_and_can_be_cancelled():
    limiter = Limiter(requests_per_minute=None, max_concurrency=3)
    limiter.pause(0.3)
    began = time.monotonic()
    with limiter.slot():
        assert time.monotonic() - began >= 0.3
    limiter.pause(60)
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    with pytest.raises(CancelledError), limiter.slot(cancel):
        pass


def test_stop_signal_follows_the_callers_event_and_leaves_it_alone():
    outer = threading.Event()
    signal = StopSignal(outer)
    assert not signal.wait(0.05)
    threading.Timer(0.1, outer.set).start()
    began = time.monotonic()
    assert signal.wait(10)
    assert time.monotonic() - began < 5
    outer = threading.Event()
    other = StopSignal(outer)
    other.set()
    assert other.wait(0)
    assert not outer.is_set()


def test_budget_is_shared_and_never_overdrawn():
    budget = CostBudget(1.0)

    def spend(_):
        try:
            budget.spend(0.01, what="a request")
        except CostLimitError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(300))) == 100
    assert budget.spent_usd == pytest.approx(1.0)


@given(
    st.integers(0, 20 * 365).map(lambda day: day * US_PER_DAY),
    st.integers(1, 10 * US_PER_DAY),
    st.sampled_from(["ohlcv-1s", "ohlcv-1m", "ohlcv-1h", "ohlcv-1d"]),
    st.sampled_from(["UTC", NEW_YORK, "Asia/Kolkata"]),
)
def test_aligned_range_holds_exactly_the_opens_of_the_range(start, length, schema, tz):
    requested = TimeRange(start + length % 7_777_777, start + length % 7_777_777 + length)
    aligned = bar_grid.align(requested, schema, tz)
    if aligned is None:
        assert bar_grid.ceil_us(requested.start_us, schema, tz) >= requested.end_us
        return
    for at in (aligned.start_us, aligned.end_us):
        assert bar_grid.floor_us(at, schema, tz) == at == bar_grid.ceil_us(at, schema, tz)
    assert requested.start_us <= aligned.start_us < requested.end_us <= aligned.end_us
    assert bar_grid.floor_us(aligned.end_us - 1, schema, tz) < requested.end_us


def test_days_of_new_york_follow_the_clocks():
    requested = span("2024-03-09T05:00", "2024-03-12T04:00")
    assert bar_grid.days_in(requested, NEW_YORK) == [date(2024, 3, 9), date(2024, 3, 10), date(2024, 3, 11)]
    assert [bar_grid.midnight_us(day, NEW_YORK) for day in bar_grid.days_in(requested, NEW_YORK)] == [
        us("2024-03-09T05:00"),
        us("2024-03-10T05:00"),
        us("2024-03-11T04:00"),
    ]


@given(st.lists(st.tuples(st.integers(-2, 12), st.sampled_from([1.0, 2.0, float("nan"), -1.0])), max_size=30))
def test_no_row_is_lost_and_only_good_rows_are_stored(rows):
    """Every row is stored, quarantined with a reason, or the repetition of one that is stored."""
    minute = 60_000_000
    requested = TimeRange(0, 10 * minute)
    columns: dict[str, Any] = {"ts_us": np.array([place * minute for place, _ in rows], dtype=np.int64)}
    columns |= {name: np.array([price for _, price in rows]) for name in ("open", "high", "low", "close")}
    columns |= {name: np.ones(len(rows)) for name in ("volume", "vwap", "transactions")}
    checked = check_bars(columns, schema="ohlcv-1m", day_tz="UTC", ranges=(requested,))
    assert checked.bars.num_rows + checked.rejected.num_rows + checked.repeated == len(rows)
    good = {}
    for place, price in rows:
        if 0 <= place < 10 and price > 0:
            good[place * minute] = price
    stored = dict(
        zip(checked.bars["ts_event"].cast("int64").to_pylist(), checked.bars["open"].to_pylist(), strict=True)
    )
    assert stored == good
    assert list(stored) == sorted(stored)


def test_days_that_the_vendor_does_not_list_may_have_changed():
    listed = [DayCondition(date(2024, 3, 4), "available", date(2024, 3, 5))]
    requested = span("2024-03-04T12:00", "2024-03-05T12:00")
    assert changed_since(listed, requested, us("2024-03-06")) == (span("2024-03-05", "2024-03-05T12:00"),)
    assert changed_since(listed, requested, us("2024-03-05T23:00")) == (requested,)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-03-04", "2024-03-04"),
        ("2024-03-04T15:00:00.123456789Z", "2024-03-04T15:00:00.123456"),
        ("2024-03-04T15:00:00+00:00", "2024-03-04T15:00:00"),
    ],
)
def test_instants_of_databento_are_read_to_the_microsecond(text, instant):
    assert read_instant_us(text) == us(instant)


@pytest.mark.parametrize("text", ["", "yesterday", "2024-03-04T15:00:00-05:00"])
def test_other_instants_are_refused(text):
    with pytest.raises(ValueError, match="is not an instant"):
        read_instant_us(text)
