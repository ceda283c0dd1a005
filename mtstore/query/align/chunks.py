"""Split an aligned request into chunks in time order, whose tables together are the whole request's table.

A bucket belongs to a chunk by its left edge, and to the range as in the whole request; filled values carry over between
chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import InputError, IntervalError
from mtstore.intervals import parse_duration
from mtstore.query.align.assemble import assemble, fill_state_for, fills_forward
from mtstore.query.align.sql_rows import request_tickers
from mtstore.query.request.request import GRID, AlignRequest, Chunk
from mtstore.query.table.wide_table import AssemblyOptions, WideTable
from mtstore.ranges import from_us

if TYPE_CHECKING:
    import duckdb

    from mtstore.query.snapshot.store_facts import StoreFacts

_DAY = timedelta(days=1)
# No session, with the hours around it, lasts longer.
_LONGEST_SESSION = timedelta(days=4)
# No calendar's sessions reach further.
_FIRST_CUT = datetime(1990, 1, 1, tzinfo=UTC)
_HORIZON = timedelta(days=3 * 366)


def parse_chunk(chunk: str | timedelta) -> timedelta:
    """Parse the length of a chunk: `30D`, `12h`, or a timedelta above 0; else InputError."""
    invalid = f"chunk {chunk!r} is not a duration, like '30D' or '12h'"
    if isinstance(chunk, str) and chunk.strip().endswith("M"):  # minutes to us, months to pandas
        raise InputError(f"{invalid}; minutes are '1min', and a month has no fixed length")
    try:
        length = parse_duration(chunk.strip().lower()) if isinstance(chunk, str) else chunk
    except IntervalError as error:
        raise InputError(invalid) from error
    if not isinstance(length, timedelta) or length <= timedelta(0):
        raise InputError(invalid)
    return length


def split_request(
    connection: duckdb.DuckDBPyConnection, request: AlignRequest, length: timedelta
) -> list[AlignRequest]:
    """Split a request into chunks of `length`; whole days are cut at the same wall time in the request's zone."""
    cuts = _cuts(connection, request, length)
    return [_chunk(request, start, end) for start, end in pairwise([None, *cuts, None])]


def iter_tables(
    connection: duckdb.DuckDBPyConnection,
    request: AlignRequest,
    fields: Sequence[str],
    options: AssemblyOptions,
    length: timedelta,
    *,
    facts: StoreFacts | None = None,
) -> Iterator[WideTable]:
    """Yield the tables of a request's chunks in time order; parameters and errors as in `assemble`."""
    state = fill_state_for(request, len(request_tickers(connection, request).names), fields)
    for chunk in split_request(connection, request, length):
        yield assemble(connection, chunk, fields, options, facts=facts, state=state)


def _cuts(connection: duckdb.DuckDBPyConnection, request: AlignRequest, length: timedelta) -> list[datetime]:
    """Return the instants between chunks, strictly inside of the range."""
    zone = ZoneInfo(request.tz)
    rows = fetch_rows(connection, sqlfiles.load("request.series"), request.series_parameters())
    stored = [(row["first_us"], row["last_us"]) for row in rows if row["first_us"] is not None]
    first = request.bounds.start
    if first is None:
        if not stored:
            return []
        first = from_us(min(first_us for first_us, _ in stored)).astimezone(zone).date()
    begin = first.astimezone(zone) if isinstance(first, datetime) else datetime.combine(first, time(), zone)
    begin = max(begin, _FIRST_CUT.astimezone(zone))
    end = _end(request, max((last_us for _, last_us in stored), default=None), zone)
    cuts: list[datetime] = []
    # The span bounds the number: beyond the end there may be no date.
    while end is not None and (len(cuts) + 1) * length < end - begin + _DAY:
        # Arithmetic on a time with a zone is wall time, on an instant in UTC it is elapsed time.
        origin = begin if length % _DAY == timedelta(0) else begin.astimezone(UTC)
        cut = origin + (len(cuts) + 1) * length
        if cut >= end:
            break
        cuts.append(cut.astimezone(UTC))
    return cuts


def _end(request: AlignRequest, last_us: int | None, zone: ZoneInfo) -> datetime | None:
    """Return the end of the range or the last stored bar, after which cuts are useless; None if there is neither."""
    last = request.bounds.end
    ends = [] if last is None else [datetime.now(UTC) + _HORIZON]
    if isinstance(last, datetime):
        ends.append(last)
    elif last is not None:
        ends.append(datetime.combine(last, time(), zone) + _DAY)
    if last_us is not None and (last is None or request.method != GRID):
        ends.append(from_us(last_us))
    return min(ends, default=None)


def _chunk(request: AlignRequest, start: datetime | None, end: datetime | None) -> AlignRequest:
    """Return the request for the buckets with left edges in [start, end)."""
    if start is None or not fills_forward(request):
        return replace(request, chunk=Chunk(start, end))
    if request.across_sessions:  # a state carries the values
        return replace(request, lookback=None, chunk=Chunk(start, end))
    return replace(request, chunk=Chunk(start - _LONGEST_SESSION, end, shown_from=start))
