"""Interval arithmetic and planning against sets of single instants, which leave no room for cleverness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore import ranges as rangesets
from mtstore.bars import BarBatch, SourceBinding, arrow_schema
from mtstore.ingest.network import fetch_plan
from mtstore.ingest.network.fetch_plan import LedgerRow
from mtstore.ranges import EPOCH, US_PER_DAY, TimeRange
from mtstore.storage.commit import coverage_ledger
from mtstore.storage.commit.coverage_ledger import Freshness

WORLD = 40

range_st = st.tuples(st.integers(0, WORLD - 1), st.integers(1, 12)).map(
    lambda pair: TimeRange(pair[0], min(WORLD, pair[0] + pair[1]))
)
ranges_st = st.lists(range_st, max_size=6)
row_st = st.builds(
    LedgerRow,
    ranges=ranges_st.map(tuple),
    result=st.sampled_from(["complete", "empty", "partial", "failed", "quarantined"]),
    order=st.just(0),
    fetched_at_us=st.just(0),
    fresh_until_us=st.sampled_from([None, 5, 50]),
    request_key=st.sampled_from([None, "today", "yesterday"]),
)
rows_st = st.lists(row_st, max_size=7).map(
    lambda rows: [
        LedgerRow(r.ranges, r.result, i, r.fetched_at_us, r.fresh_until_us, r.request_key) for i, r in enumerate(rows)
    ]
)


def instants(ranges):
    return {at for item in ranges for at in range(item.start_us, item.end_us)}


def is_canonical(ranges):
    return all(a.end_us < b.start_us for a, b in pairwise(ranges))


def day(text, tz="UTC"):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp()) * 1_000_000


@given(ranges_st, ranges_st)
def test_set_operations_agree_with_sets_of_instants(first, second):
    a, b = instants(first), instants(second)
    for result, expected in (
        (rangesets.union(first, second), a | b),
        (rangesets.intersect(first, second), a & b),
        (rangesets.subtract(first, second), a - b),
        (rangesets.clamp(first, start_us=5, end_us=30), {x for x in a if 5 <= x < 30}),
    ):
        assert instants(result) == expected
        assert is_canonical(result)
    assert rangesets.total_us(first) == len(a)


@given(rows_st)
def test_overlay_lets_the_newest_row_speak_and_failures_only_into_silence(rows):
    speaks = {}
    for row in sorted(rows, key=lambda row: (row.result != "failed", row.order)):
        speaks.update(dict.fromkeys(instants(row.ranges), row.order))
    segments = fetch_plan.latest_segments(rows)
    assert {at: s.row.order for s in segments for at in instants([s.range])} == speaks
    assert all(a.range.end_us <= b.range.start_us for a, b in pairwise(segments))


@given(ranges_st, rows_st, ranges_st, st.none() | st.integers(0, WORLD))
def test_plan_has_all_missing_and_no_fresh_ranges(asked, rows, closed, end):
    now = 10
    plan = fetch_plan.plan_fetch(
        asked, rows, now_us=now, request_keys={None, "today"}, closed=closed, available_end_us=end
    )
    segments = fetch_plan.latest_segments(rows)
    # Short pieces between two that are fetched again may be fetched with them.
    between = {
        at
        for before, here, after in zip(segments, segments[1:], segments[2:], strict=False)
        if before.row.result == after.row.result == "partial"
        for at in instants([here.range])
    }
    fresh = {
        at
        for s in segments
        if s.row.is_fresh(now) and s.row.request_key in (None, "today")
        for at in instants([s.range])
    }
    answerable = {at for at in instants(asked) if end is None or at < end}
    needs = instants(plan.needs)
    assert needs >= answerable - fresh - instants(closed)
    assert needs & fresh <= instants(closed) | between
    assert needs <= answerable
    assert instants(plan.beyond) == instants(asked) - answerable
    parts = [needs, instants(plan.cached), instants(plan.closed)]
    assert set.union(*parts) == answerable
    assert sum(map(len, parts)) == len(answerable)
    assert instants(plan.stale) <= needs


@given(ranges_st, rows_st, ranges_st)
def test_a_load_repeated_after_its_answers_were_recorded_needs_nothing(asked, rows, closed):
    first = fetch_plan.plan_fetch(asked, rows, now_us=10, request_keys={None, "today"}, closed=closed)
    answer = LedgerRow(first.needs, "complete", len(rows), 10, 50, "today")
    again = fetch_plan.plan_fetch(asked, [*rows, answer], now_us=11, request_keys={None, "today"}, closed=closed)
    assert again.needs == ()


@given(ranges_st, st.integers(1, 15), st.integers(1, 4))
def test_chunks_cover_the_ranges_once_in_order_and_are_not_longer_than_allowed(ranges, span, unit):
    pieces = rangesets.chunks(ranges, span_us=span, unit_us=unit, by_year=False)
    assert instants(pieces) == instants(ranges)
    assert all(a.end_us <= b.start_us for a, b in pairwise(pieces))
    assert all(piece.end_us - piece.start_us <= max(span, unit) for piece in pieces)


@given(st.data(), st.integers(0, 40), st.integers(1, 400), st.integers(1, 15))
def test_rest_of_a_range_is_cut_into_the_rest_of_its_pieces(data, start, length, span):
    """So a run that was killed makes the same requests again, and finds the downloads that it has paid for."""
    pieces = rangesets.chunks([TimeRange(start, start + length)], span_us=span, unit_us=1, by_year=False)
    rest = data.draw(st.lists(st.sampled_from(pieces), unique=True))
    assert rangesets.chunks(rest, span_us=span, unit_us=1, by_year=False) == tuple(sorted(rest))


def test_weekend_between_two_needed_weeks_does_not_split_the_request():
    plan = fetch_plan.plan_fetch([TimeRange(0, 14)], [], now_us=0, closed=[TimeRange(5, 7), TimeRange(12, 14)])
    assert plan.needs == (TimeRange(0, 12),)
    assert plan.closed == (TimeRange(12, 14),)


def test_fresh_days_split_the_request_even_beside_a_weekend():
    rows = [LedgerRow((TimeRange(4, 5),), "complete", 0, 0, None)]
    plan = fetch_plan.plan_fetch([TimeRange(0, 14)], rows, now_us=0, closed=[TimeRange(5, 7)])
    assert plan.needs == (TimeRange(0, 4), TimeRange(7, 14))


def test_refresh_all_asks_for_fresh_ranges_too():
    rows = [LedgerRow((TimeRange(0, 10),), "complete", 0, 0, None)]
    plan = fetch_plan.plan_fetch([TimeRange(0, 10)], rows, now_us=0, refresh_all=True)
    assert plan.needs == plan.stale == (TimeRange(0, 10),)


def test_partial_response_is_fetched_again_at_once():
    rows = [LedgerRow((TimeRange(0, 10),), "partial", 0, 100, None)]
    assert fetch_plan.plan_fetch([TimeRange(0, 10)], rows, now_us=100).stale == (TimeRange(0, 10),)


@pytest.mark.parametrize(("key", "minutes_apart", "requests"), [("today", 60, 1), ("today", 61, 2), (None, 60, 2)])
def test_partial_pieces_close_together_are_one_request(key, minutes_apart, requests):
    gap, end = minutes_apart * 60_000_000, 10 * US_PER_DAY
    pieces = (TimeRange(100, 200), TimeRange(200 + gap, 300 + gap))
    rows = [
        LedgerRow(rangesets.subtract((TimeRange(0, end),), pieces), "complete", 0, 0, None, key),
        LedgerRow(pieces, "partial", 1, 0, None, key),
    ]
    plan = fetch_plan.plan_fetch([TimeRange(0, end)], rows, now_us=end, request_keys={None, "today"})
    assert plan.needs == ((TimeRange(100, 300 + gap),) if requests == 1 else pieces)


def test_answer_to_other_parameters_is_stale_and_rows_from_files_are_not():
    rows = [
        LedgerRow((TimeRange(0, 5),), "complete", 0, 0, None, "yesterday"),
        LedgerRow((TimeRange(5, 9),), "complete", 1, 0, None, None),
    ]
    plan = fetch_plan.plan_fetch([TimeRange(0, 9)], rows, now_us=0, request_keys={None, "today"})
    assert plan.stale == plan.needs == (TimeRange(0, 5),)


@pytest.mark.parametrize(("ttl", "settle", "expected"), [(7, 3, 7), (7, None, None), (None, 3, None), (0, 0, None)])
def test_responses_are_final_settle_days_back(ttl, settle, expected):
    at = EPOCH + timedelta(days=10)
    bars = arrow_schema().empty_table()
    batch = BarBatch(SourceBinding("p", "polygon"), "ohlcv-1m", "A", (TimeRange(0, 10 * US_PER_DAY),), bars)
    rows = coverage_ledger.rows([batch], "run", at, Freshness(ttl, settle))
    found = [(len(row["ranges"]), row["fresh_until"]) for row in rows]
    if expected is None:
        assert [count for count, _ in found] == [1]
    else:
        assert found == [(1, None), (1, at + timedelta(days=ttl))]
        assert rows[0]["ranges"][0]["end_ts"] == (EPOCH + timedelta(days=expected)).isoformat(timespec="microseconds")


def test_chunks_do_not_cross_utc_years_and_are_cut_evenly_at_midnight():
    asked = TimeRange(day("2022-07-01"), day("2024-03-01") + 90)
    pieces = rangesets.chunks([asked], span_us=200 * US_PER_DAY)
    assert [datetime.fromtimestamp(p.start_us // 10**6, UTC).date().isoformat() for p in pieces] == [
        "2022-07-01",
        "2023-01-01",
        "2023-07-02",
        "2024-01-01",
    ]
    assert pieces[-1].end_us == asked.end_us


def test_last_evening_of_a_year_is_not_cut_off():
    asked = TimeRange(day("2023-01-01"), day("2024-01-01") + 5 * 3_600_000_000)
    assert rangesets.chunks([asked], span_us=400 * US_PER_DAY) == (asked,)


def test_closed_days_are_local_days_without_any_session():
    tz = "America/New_York"
    # Friday 8 March 2024 and Monday 11 March; the clocks change in between.
    sessions = [
        (day("2024-03-08T09:30", tz), day("2024-03-08T16:00", tz)),
        (day("2024-03-11T09:30", tz), day("2024-03-11T16:00", tz)),
    ]
    asked = TimeRange(day("2024-03-08", tz), day("2024-03-12", tz))
    closed = fetch_plan.closed_days(sessions, tz=tz, requested=asked, listed=TimeRange(0, day("2030-01-01")))
    assert closed == (TimeRange(day("2024-03-09", tz), day("2024-03-11", tz)),)


def test_sunday_evening_session_keeps_sunday_open():
    tz = "America/Chicago"
    sessions = [(day("2024-03-03T17:00", tz), day("2024-03-04T16:00", tz))]
    asked = TimeRange(day("2024-03-02", tz), day("2024-03-05", tz))
    closed = fetch_plan.closed_days(sessions, tz=tz, requested=asked, listed=asked)
    assert closed == (TimeRange(day("2024-03-02", tz), day("2024-03-03", tz)),)


def test_nothing_is_known_to_be_closed_where_the_calendar_does_not_reach():
    asked = TimeRange(0, 10 * US_PER_DAY)
    known = TimeRange(0, 3 * US_PER_DAY)
    assert fetch_plan.closed_days([], tz="UTC", requested=asked, listed=known) == (known,)


def test_tickers_that_need_the_same_ranges_share_requests():
    one, two = (TimeRange(0, 5),), (TimeRange(0, 6),)
    groups = fetch_plan.group_by_ranges({"A": one, "B": two, "C": one, "D": ()})
    assert groups == ((one, ("A", "C")), (two, ("B",)))
