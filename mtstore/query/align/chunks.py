"""An aligned call in pieces, one after the other: together they are the whole, and what is carried forward goes along.

Buckets belong to a piece by their label and are computed from all their bars, as they belong to a range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mtstore import sqlfiles
from mtstore.bounds import Bounds
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import InputError, IntervalError
from mtstore.intervals import parse_duration
from mtstore.query.align.assemble import assemble, fill_state_for, fills
from mtstore.query.align.sql_rows import call_tickers
from mtstore.query.request.request import AlignRequest
from mtstore.query.table.wide_table import AssemblyOptions, WideTable

if TYPE_CHECKING:
    import duckdb

    from mtstore.query.snapshot.store_facts import StoreFacts

_DAY = timedelta(days=1)
# No session, with the hours around it, lasts longer.
_LONGEST_SESSION = timedelta(days=4)
# No calendar's sessions reach further.
_FIRST_CUT = datetime(1990, 1, 1, tzinfo=UTC)
_HORIZON = timedelta(days=3 * 366)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_chunk(chunk: str | timedelta) -> timedelta:
    """The length of a piece: `30D`, `12h`, or a timedelta.

    Raises
    ------
    InputError
        Neither, or not longer than nothing.
    """
    refusal = f"chunk {chunk!r} is no length of time, like '30D' or '12h'"
    if isinstance(chunk, str) and chunk.strip().endswith("M"):  # minutes to us, months to pandas
        raise InputError(f"{refusal}; minutes are '1min', and a month has no fixed length")
    try:
        length = parse_duration(chunk.strip().lower()) if isinstance(chunk, str) else chunk
    except IntervalError as error:
        raise InputError(refusal) from error
    if not isinstance(length, timedelta) or length <= timedelta(0):
        raise InputError(refusal)
    return length


def split_request(connection: duckdb.DuckDBPyConnection, call: AlignRequest, length: timedelta) -> list[AlignRequest]:
    """The call cut into pieces of `length`; whole days are cut at the same wall time in the call's zone."""
    cuts = _cuts(connection, call, length)
    bounds = [call.bounds.start, *cuts, call.bounds.end]
    pieces = []
    for number, (start, end) in enumerate(pairwise(bounds)):
        piece = replace(call, bounds=Bounds(start, end, call.bounds.tz))
        if number:
            piece = replace(piece, lookback=_lookback(call, cuts[number - 1]))
        pieces.append(piece)
    return pieces


def iter_tables(
    connection: duckdb.DuckDBPyConnection,
    call: AlignRequest,
    fields: Sequence[str],
    making: AssemblyOptions,
    length: timedelta,
    *,
    facts: StoreFacts | None = None,
) -> Iterator[WideTable]:
    """The pieces of an aligned call in order of time, each made when it is asked for; errors as `assemble`."""
    carry = fill_state_for(call, len(call_tickers(connection, call).names), fields)
    for piece in split_request(connection, call, length):
        yield assemble(connection, piece, fields, making, facts=facts, carry=carry)


def _cuts(connection: duckdb.DuckDBPyConnection, call: AlignRequest, length: timedelta) -> list[datetime]:
    """The instants between pieces, strictly inside of the range."""
    zone = ZoneInfo(call.tz)
    rows = fetch_rows(connection, sqlfiles.load("request.series"), call.series_parameters())
    stored = [(row["first_us"], row["last_us"]) for row in rows if row["first_us"] is not None]
    first = call.bounds.start
    if first is None:
        if not stored:
            return []
        first = _instant(min(first_us for first_us, _ in stored)).astimezone(zone).date()
    begin = first.astimezone(zone) if isinstance(first, datetime) else datetime.combine(first, time(), zone)
    begin = max(begin, _FIRST_CUT.astimezone(zone))
    end = _end(call, max((last_us for _, last_us in stored), default=None), zone)
    cuts = []
    number = 1
    while end is not None and number * length < end - begin + _DAY:  # beyond it there may be no date
        # Arithmetic on a time with a zone is wall time, on an instant it is not.
        cut = begin + number * length if length % _DAY == timedelta(0) else begin.astimezone(UTC) + number * length
        if cut >= end:
            break
        cuts.append(cut.astimezone(UTC))
        number += 1
    return cuts


def _end(call: AlignRequest, last_us: int | None, zone: ZoneInfo) -> datetime | None:
    """Where no further cut is of use: the end of the range, or the last stored bar."""
    last = call.bounds.end
    ends = [] if last is None else [datetime.now(UTC) + _HORIZON]
    if isinstance(last, datetime):
        ends.append(last)
    elif last is not None:
        ends.append(datetime.combine(last, time(), zone) + _DAY)
    if last_us is not None and (last is None or call.method != "grid"):
        ends.append(_instant(last_us))
    return min(ends, default=None)


def _lookback(call: AlignRequest, cut: datetime) -> timedelta | None:
    """How far a later piece looks back itself: not at all where values are handed on, else to its session's begin."""
    if not fills(call) or call.across_sessions:
        return None
    start = call.bounds.start
    if not isinstance(start, datetime):
        return _LONGEST_SESSION
    return min(_LONGEST_SESSION, cut - start + (call.lookback or timedelta(0)))


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
