"""What a call asks for and nobody has asked a vendor for yet: sessions of the range less what the ledger covers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.bars import is_daily, step_us
from mtstore.bounds import Bounds
from mtstore.duckdb_instance import fetch_rows
from mtstore.query.request.request import SeriesRequest
from mtstore.query.snapshot.store_facts import SeriesKey, StoreFacts
from mtstore.ranges import Ranges, TimeRange, normalise, subtract

if TYPE_CHECKING:
    import numpy as np

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uncovered_ranges(
    facts: StoreFacts, call: SeriesRequest, tickers: Collection[str], now: datetime
) -> dict[str, tuple[TimeRange, ...]]:
    """For each ticker, the parts of its sessions within the call's bounds, up to `now`, that are not covered.

    A call with an open end asks for nothing in particular: what is stored is what there is. Tickers that are
    covered are left out; one of which nothing is stored misses what nobody has answered with nothing. One of which
    nothing that is stored fits the call is left out, too: the macros say what does.
    """
    if call.bounds.start is None or call.bounds.end is None or not tickers:
        return {}
    asked = facts.coverage()
    sessions: dict[str, Ranges] = {}
    missing = {}
    for ticker, (calendar, source, schema) in _series(facts, call, tickers).items():
        if source is None and ticker in facts.series:
            continue
        if calendar not in sessions:
            sessions[calendar] = _sessions(facts.sessions(calendar), call.bounds, now)
        covered = asked.get((ticker, source, schema), ()) if source is not None else _answered(asked, call, ticker)
        left = _less(sessions[calendar], covered)
        if left:
            missing[ticker] = left
    return missing


def _series(
    facts: StoreFacts, call: SeriesRequest, tickers: Collection[str]
) -> dict[str, tuple[str, str | None, str | None]]:
    """Of each ticker that is known: its calendar, and the source and schema that the call reads, if it has any."""
    found: dict[str, tuple[str, str | None, str | None]] = {}
    is_free = call.from_source is None and call.from_schema is None
    for ticker in tickers:
        entry = facts.tickers.get(ticker)
        series = facts.plain_series(call, ticker) if is_free and entry is not None else None
        if entry is not None and is_free and ticker not in facts.series:
            found[ticker] = (entry.calendar, None, None)
        elif entry is not None and series is not None:
            found[ticker] = (entry.calendar, *series)
        elif entry is not None:
            rows = fetch_rows(facts.connection, sqlfiles.load("request.series"), call.series_parameters())
            return {row["ticker"]: (row["calendar"], row["source"], row["schema"]) for row in rows}
    return found


def tickers_without_coverage(facts: StoreFacts, tickers: Collection[str]) -> list[str]:
    """Those of which bars are stored, and of which nobody said for any range that they are all there is."""
    claimed = {ticker for ticker, _, _ in facts.coverage()}
    return [ticker for ticker in tickers if ticker in facts.series and ticker not in claimed]


def _answered(asked: Mapping[SeriesKey, Collection[TimeRange]], call: SeriesRequest, ticker: str) -> list[TimeRange]:
    """What was answered, with nothing, for bars that would fit a call."""
    return [
        answered
        for (name, source, schema), ranges in asked.items()
        if name == ticker
        and schema is not None
        and call.from_source in (None, source)
        and call.from_schema in (None, schema)
        and (is_daily(schema) or call.interval.is_multiple_of(step_us(schema)))
        and not (is_daily(schema) and call.interval.is_intraday)
        for answered in ranges
    ]


def _less(wanted: Ranges, covered: Collection[TimeRange]) -> Ranges:
    """What is wanted and not covered; most of the time one range covers all of it."""
    if not wanted or any(one.start_us <= wanted[0].start_us and one.end_us >= wanted[-1].end_us for one in covered):
        return ()
    return subtract(wanted, covered)


def describe_ranges(missing: Mapping[str, tuple[TimeRange, ...]], tz: str, most: int = 5) -> str:
    """The missing ranges as a sentence: tickers with the hull of what they lack."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(tz)
    told = []
    for ticker, ranges in list(missing.items())[:most]:
        first = (_EPOCH + timedelta(microseconds=ranges[0].start_us)).astimezone(zone)
        last = (_EPOCH + timedelta(microseconds=ranges[-1].end_us)).astimezone(zone)
        pieces = f" in {len(ranges)} pieces" if len(ranges) > 1 else ""
        told.append(f"{ticker} [{first:%Y-%m-%d %H:%M}, {last:%Y-%m-%d %H:%M}){pieces}")
    more = f" and {len(missing) - most} more tickers" if len(missing) > most else ""
    return "; ".join(told) + more


def _sessions(calendar: Mapping[str, np.ndarray], bounds: Bounds, now: datetime) -> Ranges:
    """A calendar's sessions within the bounds, as far as they lie before `now`."""
    import numpy as np

    start, end = bounds.covering_us()
    until = min(end or 0, int(now.timestamp() * 1e6))
    if start is None or start >= until:
        return ()
    keep = np.ones(len(calendar["day"]), dtype=bool)
    if not isinstance(bounds.start, datetime) and bounds.start is not None:
        keep &= calendar["day"] >= (bounds.start - _EPOCH.date()).days
    if not isinstance(bounds.end, datetime) and bounds.end is not None:
        keep &= calendar["day"] <= (bounds.end - _EPOCH.date()).days
    opens, closes = np.maximum(calendar["open_us"], start), np.minimum(calendar["close_us"], until)
    keep &= opens < closes
    return normalise(map(TimeRange, opens[keep].tolist(), closes[keep].tolist()))
