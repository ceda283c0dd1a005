"""What a call asks for and nobody has asked a vendor for yet: sessions of the range less what the ledger covers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.bars import TimeRange
from mtstore.query.calls import SeriesCall
from mtstore.rangesets import intersect, subtract
from mtstore.store import fold
from mtstore.timeranges import Bounds

if TYPE_CHECKING:
    import duckdb

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uncovered(
    connection: duckdb.DuckDBPyConnection, call: SeriesCall, tickers: Collection[str], now: datetime
) -> dict[str, tuple[TimeRange, ...]]:
    """For each ticker, the parts of its sessions within the call's bounds, up to `now`, that are not covered.

    A call with an open end asks for nothing in particular: what is stored is what there is. Tickers that are
    covered are left out; one of which nothing is stored misses everything.
    """
    if call.bounds.start is None or call.bounds.end is None or not tickers:
        return {}
    rows = fold.fetch_rows(connection, sqlfiles.load("queries/call_series"), call.series_parameters())
    series = {row["ticker"]: row for row in rows if row["ticker"] in tickers}
    sessions = _sessions(connection, {row["calendar"] for row in series.values()}, call.bounds, now)
    covered: dict[tuple[str, str | None, str | None], list[TimeRange]] = defaultdict(list)
    asked = fold.fetch_rows(connection, sqlfiles.load("queries/asked_ranges"), {"tickers": sorted(tickers)})
    for row in asked:
        covered[row["ticker"], row["source"], row["schema"]].append(TimeRange(row["start_us"], row["end_us"]))
    missing = {}
    for ticker, row in series.items():
        wanted = sessions.get(row["calendar"], ())
        left = subtract(wanted, covered[ticker, row["source"], row["schema"]])
        if left:
            missing[ticker] = left
    return missing


def spell_missing(missing: Mapping[str, tuple[TimeRange, ...]], tz: str, most: int = 5) -> str:
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


def _sessions(
    connection: duckdb.DuckDBPyConnection, calendars: Collection[str], bounds: Bounds, now: datetime
) -> dict[str, tuple[TimeRange, ...]]:
    """The sessions within the bounds, by calendar, as far as they lie before `now`."""
    is_dates = [not isinstance(bound, datetime) for bound in (bounds.start, bounds.end)]
    parameters = {
        "calendars": sorted(calendars),
        "first_date": bounds.start if is_dates[0] else _widened(bounds.start, -2),
        "last_date": bounds.end if is_dates[1] else _widened(bounds.end, 2),
    }
    found: dict[str, list[TimeRange]] = defaultdict(list)
    for row in fold.fetch_rows(connection, sqlfiles.load("queries/session_spans"), parameters):
        found[row["calendar"]].append(TimeRange(row["open_us"], row["close_us"]))
    start, end = bounds.covering_us()
    until = min(end or 0, int(now.timestamp() * 1e6))
    if start is None or start >= until:
        return {}
    return {calendar: intersect(spans, [TimeRange(start, until)]) for calendar, spans in found.items()}


def _widened(bound: date | datetime | None, days: int) -> date | None:
    return bound.date() + timedelta(days=days) if isinstance(bound, datetime) else bound
