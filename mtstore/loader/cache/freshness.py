"""What a store covers of one series, and how fresh that is: the ledger and the calendar put together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.calendars import calendar_timezone, canonical_name, session_table
from mtstore.custom_calendars import CustomCalendar
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import RangeError
from mtstore.ingest.network.fetch_plan import FRESH_RESULTS, LedgerRow, Segment, closed_days, latest_segments
from mtstore.ranges import Ranges, TimeRange, clamp, intersect, iso_instant, subtract
from mtstore.sources.bar_grid import midnight_us

if TYPE_CHECKING:
    import duckdb

    from mtstore.bounds import Bounds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARGIN_US = 4 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Sessions:
    """A calendar's zone, and date, open and close (µs) of each session."""

    tz: str
    rows: list[tuple[date, int, int]]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, calendar: str, own: Mapping[str, CustomCalendar]) -> Sessions:
        """As the store has them, else as the library does."""
        name = canonical_name(calendar, own)
        statement = sqlfiles.load("ingest.stored_sessions")
        rows = [] if name in own else connection.execute(statement, {"calendar": name}).fetchall()
        if not rows:
            table = session_table(name, own=own)
            columns = [table["session_date"].to_pylist()]
            columns += [table[column].cast("int64").to_pylist() for column in ("open_ts", "close_ts")]
            rows = list(zip(*columns, strict=True))
        return cls(calendar_timezone(name, own), rows)

    def range_of(self, bounds: Bounds, tz: str, *, is_daily: bool) -> TimeRange:
        """Bounds as instants: dates are whole days of `tz`, each from its session's open where that is earlier.

        Raises
        ------
        RangeError
            An end is open.
        """
        if bounds.start is None or bounds.end is None:
            raise RangeError(f"the range {bounds} must have both ends")
        start, end = bounds.start, bounds.end
        opens = {} if is_daily else {day: open_us for day, open_us, _ in self.rows}
        start_us = _instant_us(start) if isinstance(start, datetime) else _begin_us(start, tz, opens)
        end_us = _instant_us(end) if isinstance(end, datetime) else _begin_us(end + timedelta(days=1), tz, opens)
        if start_us >= end_us:
            raise RangeError(f"the range {bounds} is empty")
        return TimeRange(start_us, end_us)

    def busy(self, asked: TimeRange) -> Ranges:
        """The part of a range that has to be covered: its days with sessions; all of it where it has none."""
        near = [
            (open_us, close_us)
            for _, open_us, close_us in self.rows
            if open_us < asked.end_us + _MARGIN_US and close_us > asked.start_us - _MARGIN_US
        ]
        if not near:
            return (asked,)
        known = TimeRange(self.rows[0][1], self.rows[-1][2])
        return subtract([asked], closed_days(near, tz=self.tz, asked=asked, known=known)) or (asked,)


def ledger_segments(
    connection: duckdb.DuckDBPyConnection, ticker: str, source: str, schema: str
) -> tuple[Segment, ...]:
    """Which answer speaks for which instant of a series."""
    given = {"tickers": [ticker], "source": source, "schema": schema}
    rows = fetch_rows(connection, sqlfiles.load("ingest.coverage_of_tickers"), given)
    return latest_segments(LedgerRow.from_row(order, row) for order, row in enumerate(rows))


def fresh_ranges(segments: tuple[Segment, ...], within: TimeRange, now_us: int) -> Ranges:
    """The instants that are answered completely and fresh."""
    good = (one.range for one in segments if one.row.result in FRESH_RESULTS and one.row.is_fresh(now_us))
    return clamp(good, start_us=within.start_us, end_us=within.end_us)


def stale_rows(
    connection: duckdb.DuckDBPyConnection,
    ticker: str,
    series: Mapping[str, Any],
    within: Collection[TimeRange],
    now_us: int,
) -> Iterator[dict[str, Any]]:
    """Ledger rows, less when and who, that say again what the fresh answers of a series said; all, or `within`."""
    for one in ledger_segments(connection, ticker, series["source"], series["schema"]):
        if one.row.result not in FRESH_RESULTS or not one.row.is_fresh(now_us):
            continue
        ranges = intersect([one.range], within) if within else (one.range,)
        if ranges:
            yield {
                "source": series["source"],
                "schema": series["schema"],
                "tickers": [ticker],
                "ranges": [
                    {"start_ts": iso_instant(item.start_us), "end_ts": iso_instant(item.end_us)} for item in ranges
                ],
                "result": one.row.result,
                "reason": "invalidated",
                "request_key": one.row.request_key,
            }


def _begin_us(day: date, tz: str, opens: Mapping[date, int]) -> int:
    midnight = midnight_us(day, tz)
    return min(midnight, opens.get(day, midnight))


def _instant_us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
