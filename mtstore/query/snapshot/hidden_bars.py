"""Find bars that a guessed calendar leaves out of aligned tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mtstore import sqlfiles
from mtstore.arguments import first_few
from mtstore.bars import is_daily, step_us
from mtstore.errors import RangeError
from mtstore.infer_calendar import (
    ALL_HOURS,
    POST_MARKET_US,
    PRE_MARKET_US,
    SPOT_CURRENCIES,
    TOLERATED_SHARE,
    infer_calendar,
)

if TYPE_CHECKING:
    from mtstore.query.request.request import SeriesRequest
    from mtstore.query.snapshot.store_facts import StoredFile, StoreFacts


def describe_hidden(
    facts: StoreFacts, request: SeriesRequest, tickers: Collection[str], empty: Collection[str] = ()
) -> str | None:
    """Return a warning about bars that no session has, or a guessed calendar hides; None if there are none.

    A ticker has more bars than its sessions can have with pre- and post-market, or it is one of `empty` (tickers
    without a bar in the result) although bars are stored in the range. No data file is read, except for `empty`.
    """
    texts = [*_observed(facts, tickers)]
    start_us, end_us = request.bounds.covering_us()
    for ticker in tickers if request.session == "regular" else ():
        entry = facts.tickers.get(ticker)
        if entry is None or not entry.calendar_is_inferred or entry.session_key != entry.calendar:
            continue
        sessions = facts.sessions(entry.calendar)
        opens, closes = sessions["open_us"], sessions["close_us"]
        files = list(_files(facts, ticker, start_us, end_us))
        share = max((_hidden_share(found, step_us(schema), opens, closes) for schema, found in files), default=0.0)
        if files and not share and ticker in empty:
            share = _share_outside(_stored_times(facts, request, ticker), opens, closes)
        if share:
            least = "at least " if share < 1 else ""
            outside = f"{least}{100 * share:.0f} % of the bars of {ticker} lie outside {entry.calendar}"
            texts.append(f"{outside}, which was guessed")
    guesses = f"{first_few(texts, joint='; ')}; set `calendar` in the configuration" if texts else None
    return "; ".join([*([guesses] if guesses else []), *_unlisted(facts, tickers, start_us, end_us)]) or None


def _unlisted(facts: StoreFacts, tickers: Collection[str], start_us: int | None, end_us: int | None) -> Iterator[str]:
    """Yield a text for each calendar and end beyond which bars are stored, in the range but in no session."""
    found: dict[str, dict[str, None]] = {}
    for ticker in tickers:
        entry = facts.tickers.get(ticker)
        sessions = facts.sessions(entry.calendar) if entry is not None else {}
        if entry is None or not len(sessions["open_us"]):
            continue
        first, last = int(sessions["open_us"][0]), int(sessions["close_us"][-1])
        files = [file for _, found_files in _files(facts, ticker, start_us, end_us) for file in found_files]
        if (start_us is None or start_us < first) and any(file.min_us < first for file in files):
            text = f"before {np.datetime64(first, 'us').astype('M8[D]')}, the first known session of {entry.calendar},"
            found.setdefault(text, {})[ticker] = None
        if (end_us is None or end_us > last) and any(file.max_us >= last for file in files):
            text = f"after {np.datetime64(last, 'us').astype('M8[D]')}, the last known session of {entry.calendar},"
            found.setdefault(text, {})[ticker] = None
    for text, names in found.items():
        yield f"bars of {first_few(list(names))} {text} are in no session"


def _observed(facts: StoreFacts, tickers: Collection[str]) -> Iterator[str]:
    """Yield a text for each ticker whose bars decided its calendar, because the guessed one has too few of them."""
    decided = {
        ticker: entry.calendar
        for ticker in tickers
        if (entry := facts.tickers.get(ticker)) is not None
        and entry.calendar_is_inferred
        and entry.calendar in (ALL_HOURS, SPOT_CURRENCIES)
    }
    if not decided:
        return
    for row in facts.rows("derive.tickers_without_calendar"):
        guess = infer_calendar(row["ticker"], row["provider"] or "", row["dataset"])
        calendar = decided.get(row["ticker"], guess)
        if calendar != guess:
            too_few = f"because {guess}, which was guessed, has too few of its bars"
            yield f"the calendar of {row['ticker']} is {calendar}, {too_few}"


def _files(
    facts: StoreFacts, ticker: str, start_us: int | None, end_us: int | None
) -> Iterator[tuple[str, Sequence[StoredFile]]]:
    """Yield the schema and the files within a range of each intraday series of a ticker."""
    for source, schema, *_ in facts.series.get(ticker, ()):
        found = [
            file
            for file in facts.files.get((ticker, source, schema), ())
            if (end_us is None or file.min_us < end_us) and (start_us is None or file.max_us >= start_us)
        ]
        if found and not is_daily(schema):
            yield schema, found


def _hidden_share(files: Sequence[StoredFile], step: int, opens: np.ndarray, closes: np.ndarray) -> float:
    """Return the least share of the bars outside of sessions, if files have more than their extended hours allow."""
    rows = regular = extended = 0.0
    for file in files:
        if not len(opens) or file.min_us < opens[0] or file.max_us >= closes[-1]:
            continue  # beyond the years for which calendars list sessions
        end = file.max_us + step
        first = np.searchsorted(closes, file.min_us - POST_MARKET_US, side="right")
        last = np.searchsorted(opens, end + PRE_MARKET_US, side="left")
        starts, ends = opens[first:last], closes[first:last]
        regular += _overlap(starts, ends, file.min_us, end) / step
        extended += _overlap(starts - PRE_MARKET_US, ends + POST_MARKET_US, file.min_us, end) / step
        rows += file.row_count
    return max(1 - regular / rows, 0.0) if rows > (1 + TOLERATED_SHARE) * extended else 0.0


def _overlap(starts: np.ndarray, ends: np.ndarray, start_us: int, end_us: int) -> int:
    """Return how much of a range intervals cover; intervals of neighbours may overlap."""
    starts, ends = np.maximum(starts, start_us), np.minimum(ends, end_us)
    # What a neighbour covers already is counted once.
    starts[1:] = np.maximum(starts[1:], np.maximum.accumulate(ends)[:-1])
    return int(np.maximum(ends - starts, 0).sum())


def _share_outside(stamps: np.ndarray, opens: np.ndarray, closes: np.ndarray) -> float:
    """Return 1 if more than a few times are outside of extended hours, else 0; no time is in a session."""
    stamps = stamps[(stamps >= opens[0]) & (stamps < closes[-1])] if len(opens) else stamps[:0]
    place = np.searchsorted(closes + POST_MARKET_US, stamps, side="right")
    far = np.append(opens - PRE_MARKET_US, np.iinfo(np.int64).max)[place] > stamps
    return 1.0 if far.sum() > TOLERATED_SHARE * len(stamps) else 0.0


def _stored_times(facts: StoreFacts, request: SeriesRequest, ticker: str) -> np.ndarray:
    """Return the opens of a ticker's stored intraday bars within a request's bounds, where dates are days."""
    schemas = [schema for _, schema, *_ in facts.series[ticker] if not is_daily(schema)]
    bounds: tuple[int | None, int | None]
    try:
        bounds = request.bounds.as_days_us()
    except RangeError:  # an open end
        bounds = request.bounds.covering_us()
    parameters = {"ticker": ticker, "schemas": schemas, "start_us": bounds[0], "end_us": bounds[1]}
    found = facts.connection.execute(sqlfiles.load("store_facts.bar_times"), parameters).fetchnumpy()
    return np.asarray(found["ts_us"], dtype=np.int64)
