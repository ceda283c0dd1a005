"""What the ledger knows and what must be asked for: planning without a store, a network or a clock.

Every function here is pure. Times are microseconds since the epoch, UTC; ranges are half-open.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from mtstore.bars import Result
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, Ranges, TimeRange, bridge, clamp, intersect, normalise, subtract

FRESH_RESULTS: frozenset[Result] = frozenset({"complete", "empty"})
"""The results that say all about their range; the others are asked for again."""

PARTIAL_RETRY_US = US_PER_DAY


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One answer as the coverage ledger has it, for one ticker of one source and schema.

    `order` grows with every row written (a generation, or the place in the ledger). `fresh_until_us` is None for an
    answer that never goes stale.
    """

    ranges: Ranges
    result: Result
    order: int
    fetched_at_us: int
    fresh_until_us: int | None
    request_key: str | None = None
    reason: str | None = None

    def is_fresh(self, now_us: int) -> bool:
        """Whether nobody need ask again at `now_us`.

        A partial answer is asked for again after a day: at once, the vendor would only say the same.
        """
        if self.result == "partial":
            return now_us < self.fetched_at_us + PARTIAL_RETRY_US
        if self.result not in FRESH_RESULTS:
            return False
        return self.fresh_until_us is None or now_us < self.fresh_until_us


@dataclass(frozen=True, slots=True)
class Segment:
    """A range and the row of the ledger that speaks for it."""

    range: TimeRange
    row: LedgerRow


def latest_segments(rows: Iterable[LedgerRow]) -> tuple[Segment, ...]:
    """Who speaks for which instant: where rows overlap the newer one wins, sorted by time and disjoint.

    A failed request says nothing about what is stored, so it speaks only where no other row does.
    """
    spans = sorted(((item, row) for row in rows for item in normalise(row.ranges)), key=lambda span: span[0].start_us)
    bounds = sorted({bound for item, _ in spans for bound in (item.start_us, item.end_us)})
    # The heap holds the rows that have begun, the one that wins on top; rows that have ended leave when they surface.
    waiting: list[tuple[tuple[bool, int, int], int, LedgerRow]] = []
    segments: list[Segment] = []
    arrived = 0
    for start, end in pairwise(bounds):
        while arrived < len(spans) and spans[arrived][0].start_us <= start:
            item, row = spans[arrived]
            heapq.heappush(waiting, ((row.result == "failed", -row.order, arrived), item.end_us, row))
            arrived += 1
        while waiting and waiting[0][1] <= start:
            heapq.heappop(waiting)
        if not waiting:
            continue
        winner = waiting[0][2]
        if segments and segments[-1].row is winner and segments[-1].range.end_us == start:
            segments[-1] = Segment(TimeRange(segments[-1].range.start_us, end), winner)
        else:
            segments.append(Segment(TimeRange(start, end), winner))
    return tuple(segments)


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What one load of one ticker must ask for.

    Attributes
    ----------
    needs
        What must be asked for; chunks of it are requests.
    stale
        The part of `needs` that has an older answer: gone stale, partial, or given to other request parameters.
    cached
        What is fresh: no request.
    closed
        What is not asked for because the configured calendar is closed then.
    beyond
        What was asked but cannot be answered yet: unfinished bars, the future, past the vendor's last data.
    """

    needs: Ranges = ()
    stale: Ranges = ()
    cached: Ranges = ()
    closed: Ranges = ()
    beyond: Ranges = ()


def plan_fetch(
    asked: Iterable[TimeRange],
    rows: Iterable[LedgerRow],
    *,
    now_us: int,
    request_keys: Collection[str | None] = (None,),
    closed: Iterable[TimeRange] = (),
    available_end_us: int | None = None,
    refresh_all: bool = False,
) -> FetchPlan:
    """What to ask for so that `asked` is covered by fresh answers.

    Parameters
    ----------
    asked
        What the user wants.
    rows
        The ledger's rows for the ticker, source and schema.
    now_us
        The instant at which freshness is judged.
    request_keys
        The digests of request parameters whose answers are as good as today's: today's own, and those of files. A row
        of another key is not fresh, so that a changed configuration misses instead of lying.
    closed
        Days on which the ticker's *configured* calendar has no session. They are not asked for, except where they lie
        between two ranges that are: one request over a weekend is better than two around it.
    available_end_us
        Where answers end today: the last closed bar, and what the vendor has.
    refresh_all
        Ask for everything again, however fresh.
    """
    wanted = normalise(asked)
    answerable = clamp(wanted, end_us=available_end_us)
    segments = latest_segments(rows)
    fresh: Ranges = ()
    if not refresh_all:
        fresh = normalise(
            segment.range
            for segment in segments
            if segment.row.is_fresh(now_us) and segment.row.request_key in request_keys
        )
    answered = normalise(segment.range for segment in segments if segment.row.result != "failed")
    shut = intersect(closed, answerable)
    needs = bridge(subtract(subtract(answerable, fresh), shut), shut)
    return FetchPlan(
        needs=needs,
        stale=intersect(needs, answered),
        cached=subtract(intersect(answerable, fresh), needs),
        closed=subtract(subtract(answerable, needs), fresh),
        beyond=subtract(wanted, answerable),
    )


def settled_until_us(*, now_us: int, ttl_days: float | None, settle_days: float | None) -> int | None:
    """The instant before which what is fetched now is settled and never goes stale; None if there is no such line.

    An answer across it is two: what lies before is final, the rest is fresh for `ttl_days`.
    """
    if ttl_days is None or settle_days is None:
        return None
    return now_us - round(settle_days * US_PER_DAY)


def closed_days(sessions: Iterable[tuple[int, int]], *, tz: str, asked: TimeRange, known: TimeRange) -> Ranges:
    """The days of `tz` in `asked` that no session touches.

    Parameters
    ----------
    sessions
        Opens and closes of the calendar's sessions, µs.
    tz
        The calendar's zone; its days run from midnight to midnight there, so that pre- and post-market count as open.
    asked
        Where to look.
    known
        How far the calendar itself reaches: outside of it no day is known to be closed.
    """
    zone = ZoneInfo(tz)
    busy = normalise(TimeRange(opens, closes) for opens, closes in sessions)
    days: list[TimeRange] = []
    for within in intersect((asked,), (known,)):
        day = datetime.fromtimestamp(within.start_us // US_PER_SECOND, zone).date()
        while (start := _midnight_us(day, zone)) < within.end_us:
            day += timedelta(days=1)
            days.append(TimeRange(start, _midnight_us(day, zone)))
    open_days = set(_touched(days, busy))
    return intersect((day for day in days if day not in open_days), intersect((asked,), (known,)))


def _touched(days: Sequence[TimeRange], busy: Ranges) -> Iterable[TimeRange]:
    j = 0
    for day in days:
        while j < len(busy) and busy[j].end_us <= day.start_us:
            j += 1
        if j < len(busy) and busy[j].start_us < day.end_us:
            yield day


def _midnight_us(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp()) * US_PER_SECOND


def group_by_ranges(needs: Mapping[str, Ranges]) -> tuple[tuple[Ranges, tuple[str, ...]], ...]:
    """Tickers that need the same ranges, together, in the order in which they were given."""
    groups: dict[Ranges, list[str]] = {}
    for ticker, ranges in needs.items():
        if ranges:
            groups.setdefault(ranges, []).append(ticker)
    return tuple((ranges, tuple(tickers)) for ranges, tickers in groups.items())
