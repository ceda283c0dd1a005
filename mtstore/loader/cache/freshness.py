"""Find the fresh ranges of one series: the coverage ledger against the calendar's sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mtstore import sqlfiles
from mtstore.calendars import calendar_timezone, canonical_name, session_table
from mtstore.custom_calendars import OwnCalendar
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import RangeError
from mtstore.ingest.network.fetch_plan import FRESH_RESULTS, LedgerRow, Segment, closed_days, latest_segments
from mtstore.ranges import US_PER_DAY, Ranges, TimeRange, clamp, midnight_us, subtract, to_us

if TYPE_CHECKING:
    import duckdb

    from mtstore.bounds import Bounds

# Sessions that reach into a range begin at most this long before it.
_MARGIN_US = 4 * US_PER_DAY


@dataclass(frozen=True, slots=True)
class Sessions:
    """A calendar's zone, and date, open and close (µs) of each session."""

    tz: str
    rows: list[tuple[date, int, int]]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, calendar: str, custom: Mapping[str, OwnCalendar]) -> Sessions:
        """Read a calendar's sessions from the store, else compute them."""
        name = canonical_name(calendar, custom)
        statement = sqlfiles.load("ingest.stored_sessions")
        rows = [] if name in custom else connection.execute(statement, {"calendar": name}).fetchall()
        if not rows:
            table = session_table(name, own=custom)
            columns = [table["session_date"].to_pylist()]
            columns += [table[column].cast("int64").to_pylist() for column in ("open_ts", "close_ts")]
            rows = list(zip(*columns, strict=True))
        return cls(calendar_timezone(name, custom), rows)

    def range_of(self, bounds: Bounds, tz: str, *, is_daily: bool) -> TimeRange:
        """Return bounds as instants: dates are whole days of `tz`, each from its session's open where that is earlier.

        RangeError: an end is open, or the range is empty.
        """
        if bounds.start is None or bounds.end is None:
            raise RangeError(f"the range {bounds} must have both ends")
        opens = {} if is_daily else {day: open_us for day, open_us, _ in self.rows}
        # The end date is included: the range ends where the next day begins.
        last = bounds.end if isinstance(bounds.end, datetime) else bounds.end + timedelta(days=1)
        start_us, end_us = _begin_us(bounds.start, tz, opens), _begin_us(last, tz, opens)
        if start_us >= end_us:
            raise RangeError(f"the range {bounds} is empty")
        return TimeRange(start_us, end_us)

    def busy(self, within: TimeRange) -> Ranges:
        """Return the part of a range that needs coverage: its days with sessions; all of it if there are none."""
        near = [
            (open_us, close_us)
            for _, open_us, close_us in self.rows
            if open_us < within.end_us + _MARGIN_US and close_us > within.start_us - _MARGIN_US
        ]
        if not near:
            return (within,)
        known = TimeRange(self.rows[0][1], self.rows[-1][2])
        return subtract([within], closed_days(near, tz=self.tz, requested=within, listed=known)) or (within,)


def ledger_segments(
    connection: duckdb.DuckDBPyConnection, ticker: str, source: str, schema: str
) -> tuple[Segment, ...]:
    """Return the newest ledger row for each instant of a series."""
    given = {"tickers": [ticker], "source": source, "schema": schema}
    rows = fetch_rows(connection, sqlfiles.load("ingest.coverage_of_tickers"), given)
    return latest_segments(LedgerRow.from_row(order, row) for order, row in enumerate(rows))


def fresh_ranges(segments: tuple[Segment, ...], within: TimeRange, now_us: int) -> Ranges:
    """Return the ranges that are covered and fresh."""
    fresh = (one.range for one in segments if is_fresh(one, now_us))
    return clamp(fresh, start_us=within.start_us, end_us=within.end_us)


def is_fresh(segment: Segment, now_us: int) -> bool:
    """Whether a segment is covered and fresh."""
    return segment.row.result in FRESH_RESULTS and segment.row.is_fresh(now_us)


def _begin_us(bound: date, tz: str, opens: Mapping[date, int]) -> int:
    if isinstance(bound, datetime):
        return to_us(bound)
    midnight = midnight_us(bound, ZoneInfo(tz))
    return min(midnight, opens.get(bound, midnight))
