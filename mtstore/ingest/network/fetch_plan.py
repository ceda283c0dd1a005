"""Plan a fetch from the ledger's rows, without a store, a network or a clock.

Every function here is pure. Times are microseconds since the epoch, UTC; ranges are half-open.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any, Self
from zoneinfo import ZoneInfo

from mtstore.bars import Result
from mtstore.ranges import (
    US_PER_DAY,
    US_PER_SECOND,
    Ranges,
    TimeRange,
    bridge,
    clamp,
    from_us,
    intersect,
    midnight_us,
    normalise,
    subtract,
    union,
)

FRESH_RESULTS: frozenset[Result] = frozenset({"complete", "empty"})
"""The results that cover all of their range; ranges with another are fetched again."""

_RETRY_TOGETHER_US = 3_600 * US_PER_SECOND


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the coverage ledger, for one ticker of one source and schema.

    `order` grows with every row written (a snapshot, or the place in the ledger). `fresh_until_us` is None for bars
    that never go stale.
    """

    ranges: Ranges
    result: Result
    order: int
    fetched_at_us: int
    fresh_until_us: int | None
    request_key: str | None = None
    reason: str | None = None

    @classmethod
    def from_row(cls, order: int, row: Mapping[str, Any]) -> Self:
        """Read a row of the statement `ingest.coverage_of_tickers`."""
        return cls(
            ranges=tuple(map(TimeRange, row["starts_us"], row["ends_us"])),
            result=row["result"],
            order=order,
            fetched_at_us=row["fetched_at_us"],
            fresh_until_us=row["fresh_until_us"],
            request_key=row["request_key"],
            reason=row["reason"],
        )

    def is_fresh(self, now_us: int) -> bool:
        """Whether its ranges need not be requested again at `now_us`."""
        if self.result == "failed":
            # What a plan does not include is requested again after a time; what failed otherwise has none.
            return self.fresh_until_us is not None and now_us < self.fresh_until_us
        if self.result not in FRESH_RESULTS:
            return False
        return self.fresh_until_us is None or now_us < self.fresh_until_us


@dataclass(frozen=True, slots=True)
class Segment:
    """A range and the row of the ledger that covers it."""

    range: TimeRange
    row: LedgerRow


def latest_segments(rows: Iterable[LedgerRow]) -> tuple[Segment, ...]:
    """Return which row covers which range: the newest wins. Segments are disjoint and sorted by time.

    A failed request wrote nothing, so its row covers a range only where no other row does.
    """
    spans = sorted(((item, row) for row in rows for item in normalise(row.ranges)), key=lambda span: span[0].start_us)
    bounds = sorted({bound for item, _ in spans for bound in (item.start_us, item.end_us)})
    # The heap holds the rows that have begun, the winner on top; rows that have ended leave when they reach the top.
    begun: list[tuple[tuple[bool, int, int], int, LedgerRow]] = []
    segments: list[Segment] = []
    arrived = 0
    for start, end in pairwise(bounds):
        while arrived < len(spans) and spans[arrived][0].start_us <= start:
            item, row = spans[arrived]
            heapq.heappush(begun, ((row.result == "failed", -row.order, arrived), item.end_us, row))
            arrived += 1
        while begun and begun[0][1] <= start:
            heapq.heappop(begun)
        if not begun:
            continue
        winner = begun[0][2]
        if segments and segments[-1].row is winner and segments[-1].range.end_us == start:
            segments[-1] = Segment(TimeRange(segments[-1].range.start_us, end), winner)
        else:
            segments.append(Segment(TimeRange(start, end), winner))
    return tuple(segments)


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """The parts of a requested range of one ticker, by what must be done about them.

    Attributes
    ----------
    needs
        To be fetched; chunks of it are requests.
    stale
        The part of `needs` for which older bars are stored: gone stale, partial, or of other request parameters.
    cached
        Fresh in the store.
    closed
        Not fetched because the configured calendar is closed then.
    beyond
        Not available yet: unfinished bars, the future, past the vendor's last data.
    """

    needs: Ranges = ()
    stale: Ranges = ()
    cached: Ranges = ()
    closed: Ranges = ()
    beyond: Ranges = ()


def plan_fetch(
    requested: Iterable[TimeRange],
    rows: Iterable[LedgerRow],
    *,
    now_us: int,
    request_keys: Collection[str | None] = (None,),
    closed: Iterable[TimeRange] = (),
    available_end_us: int | None = None,
    refresh_all: bool = False,
) -> FetchPlan:
    """Plan what to fetch so that fresh bars cover `requested`.

    Parameters
    ----------
    rows
        The ledger's rows for the ticker, source and schema.
    now_us
        The instant at which freshness is evaluated.
    request_keys
        The digests of request parameters whose bars are valid today: today's own, and those of files. A row of another
        key is not fresh, so that a changed configuration never returns bars of the old one.
    closed
        Days on which the ticker's *configured* calendar has no session. They are not fetched, except between two
        ranges that are: one request over a weekend is better than two around it.
    available_end_us
        The end of what can be fetched today: the last closed bar, and the vendor's last data.
    refresh_all
        Fetch everything again, however fresh.
    """
    requested = normalise(requested)
    available = clamp(requested, end_us=available_end_us)
    segments = latest_segments(rows)
    fresh: Ranges = ()
    if not refresh_all:
        fresh = normalise(
            segment.range
            for segment in segments
            if segment.row.is_fresh(now_us) and segment.row.request_key in request_keys
        )
    stored = normalise(segment.range for segment in segments if segment.row.result != "failed")
    shut = intersect(closed, available)
    between = intersect(_between_partial(segments), available)
    needs = bridge(subtract(subtract(available, fresh), shut), union(shut, between))
    return FetchPlan(
        needs=needs,
        stale=intersect(needs, stored),
        cached=subtract(intersect(available, fresh), needs),
        closed=subtract(subtract(available, needs), fresh),
        beyond=subtract(requested, available),
    )


def _between_partial(segments: Sequence[Segment]) -> Ranges:
    """Return the short pieces of vendors' answers between partial ones: one request for all is better than many."""
    return normalise(
        here.range
        for before, here, after in zip(segments, segments[1:], segments[2:], strict=False)
        if before.row.result == after.row.result == "partial"
        and here.row.request_key is not None
        and before.range.end_us == here.range.start_us
        and here.range.end_us == after.range.start_us
        and here.range.end_us - here.range.start_us <= _RETRY_TOGETHER_US
    )


def unsettled_stale(segments: Iterable[Segment], *, now_us: int, settle_days: float | None) -> Ranges:
    """Return what is to be requested again, and was requested before the vendor's data were settled; see `Freshness`.

    None without `settle_days`: then nothing says which of the older answers may still change.
    """
    if settle_days is None:
        return ()
    found = []
    for segment in segments:
        begin_us = segment.row.fetched_at_us - round(settle_days * US_PER_DAY)
        if segment.range.end_us > begin_us and not segment.row.is_fresh(now_us):
            start_us = max(segment.range.start_us, begin_us // US_PER_DAY * US_PER_DAY)
            found.append(TimeRange(start_us, segment.range.end_us))
    return normalise(found)


def closed_days(sessions: Iterable[tuple[int, int]], *, tz: str, requested: TimeRange, listed: TimeRange) -> Ranges:
    """Return the days of `tz` in `requested` without any session.

    Parameters
    ----------
    sessions
        Opens and closes of the calendar's sessions, µs.
    tz
        The calendar's zone; its days run from midnight to midnight there, so that pre- and post-market count as open.
    listed
        The range of the calendar itself: days outside of it do not count as closed.
    """
    zone = ZoneInfo(tz)
    open_days = []
    for opens, closes in sessions:
        first, last = (from_us(at).astimezone(zone).date() for at in (opens, closes - 1))
        open_days.append(TimeRange(midnight_us(first, zone), midnight_us(last + timedelta(days=1), zone)))
    return subtract(intersect((requested,), (listed,)), open_days)


def group_by_ranges(needs: Mapping[str, Ranges]) -> tuple[tuple[Ranges, tuple[str, ...]], ...]:
    """Group the tickers that need the same ranges, in the order given."""
    groups: dict[Ranges, list[str]] = {}
    for ticker, ranges in needs.items():
        if ranges:
            groups.setdefault(ranges, []).append(ticker)
    return tuple((ranges, tuple(tickers)) for ranges, tickers in groups.items())
