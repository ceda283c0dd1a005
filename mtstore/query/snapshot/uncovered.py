"""The requested ranges that were never fetched: sessions of the range minus what the ledger covers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from mtstore import sqlfiles
from mtstore.bars import is_daily, step_us
from mtstore.bounds import Bounds
from mtstore.duckdb_instance import fetch_rows
from mtstore.query.request.request import SeriesRequest
from mtstore.query.snapshot.store_facts import SeriesKey, StoreFacts
from mtstore.ranges import EPOCH, Ranges, TimeRange, from_us, normalise, subtract, to_us


def uncovered_ranges(
    facts: StoreFacts, request: SeriesRequest, tickers: Collection[str], now: datetime
) -> dict[str, tuple[TimeRange, ...]]:
    """Return for each ticker the parts of its sessions within the request's bounds, up to `now`, without coverage.

    A request with an open end takes whatever is stored, so nothing is missing. Left out are covered tickers, and those
    whose stored series do not fit the request, which the macros report. A ticker without stored bars counts the ranges
    that a vendor has answered with nothing as covered.
    """
    if request.bounds.start is None or request.bounds.end is None or not tickers:
        return {}
    coverage = facts.coverage()
    sessions: dict[str, Ranges] = {}
    missing = {}
    for ticker, (calendar, source, schema) in _series(facts, request, tickers).items():
        if source is None and ticker in facts.series:
            continue
        if calendar not in sessions:
            sessions[calendar] = _sessions(facts.sessions(calendar), request.bounds, now)
        covered: Collection[TimeRange]
        if source is not None:
            covered = coverage.get((ticker, source, schema), ())
        else:
            covered = _empty_ranges(coverage, request, ticker)
        left = _minus(sessions[calendar], covered)
        if left:
            missing[ticker] = left
    return missing


def _series(
    facts: StoreFacts, request: SeriesRequest, tickers: Collection[str]
) -> dict[str, tuple[str, str | None, str | None]]:
    """Return for each known ticker its calendar, and the source and schema that the request reads, if any."""
    found: dict[str, tuple[str, str | None, str | None]] = {}
    has_free_choice = request.from_source is None and request.from_schema is None
    for ticker in tickers:
        entry = facts.tickers.get(ticker)
        if entry is None:
            continue
        series = facts.plain_series(request, ticker) if has_free_choice else None
        if has_free_choice and ticker not in facts.series:
            found[ticker] = (entry.calendar, None, None)
        elif series is not None:
            found[ticker] = (entry.calendar, *series)
        else:
            # One ticker needs the macros' choice: they answer for all tickers at once.
            rows = fetch_rows(facts.connection, sqlfiles.load("request.series"), request.series_parameters())
            return {row["ticker"]: (row["calendar"], row["source"], row["schema"]) for row in rows}
    return found


def tickers_without_coverage(facts: StoreFacts, tickers: Iterable[str]) -> list[str]:
    """Return the tickers that have bars, but no range for which these are known to be complete."""
    covered = {ticker for ticker, _, _ in facts.coverage()}
    return [ticker for ticker in tickers if ticker in facts.series and ticker not in covered]


def _empty_ranges(
    coverage: Mapping[SeriesKey, Collection[TimeRange]], request: SeriesRequest, ticker: str
) -> list[TimeRange]:
    """Return the ranges for which a vendor had nothing, of bars that would fit the request."""
    return [
        covered
        for (name, source, schema), ranges in coverage.items()
        if name == ticker
        and schema is not None
        and request.from_source in (None, source)
        and request.from_schema in (None, schema)
        and (is_daily(schema) or request.interval.is_multiple_of(step_us(schema)))
        and not (is_daily(schema) and request.interval.is_intraday)
        for covered in ranges
    ]


def _minus(sessions: Ranges, covered: Collection[TimeRange]) -> Ranges:
    # Most of the time one range covers everything.
    if not sessions or any(
        one.start_us <= sessions[0].start_us and one.end_us >= sessions[-1].end_us for one in covered
    ):
        return ()
    return subtract(sessions, covered)


def describe_ranges(missing: Mapping[str, tuple[TimeRange, ...]], tz: str, most: int = 5) -> str:
    """Return the missing ranges as text: tickers with the hull of their ranges."""
    zone = ZoneInfo(tz)
    texts = []
    for ticker, ranges in list(missing.items())[:most]:
        first, last = (from_us(edge).astimezone(zone) for edge in (ranges[0].start_us, ranges[-1].end_us))
        parts = f" in {len(ranges)} pieces" if len(ranges) > 1 else ""
        texts.append(f"{ticker} [{first:%Y-%m-%d %H:%M}, {last:%Y-%m-%d %H:%M}){parts}")
    more = f" and {len(missing) - most} more tickers" if len(missing) > most else ""
    return "; ".join(texts) + more


def _sessions(calendar: Mapping[str, np.ndarray], bounds: Bounds, now: datetime) -> Ranges:
    """Return a calendar's sessions within the bounds, up to `now`."""
    start, end = bounds.covering_us()
    until = min(end or 0, to_us(now))
    if start is None or start >= until:
        return ()
    keep = np.ones(len(calendar["day"]), dtype=bool)
    # Dates select whole sessions, also where a session begins on the evening before.
    if not isinstance(bounds.start, datetime) and bounds.start is not None:
        keep &= calendar["day"] >= (bounds.start - EPOCH.date()).days
    if not isinstance(bounds.end, datetime) and bounds.end is not None:
        keep &= calendar["day"] <= (bounds.end - EPOCH.date()).days
    opens, closes = np.maximum(calendar["open_us"], start), np.minimum(calendar["close_us"], until)
    keep &= opens < closes
    return normalise(map(TimeRange, opens[keep].tolist(), closes[keep].tolist()))
