"""Forward fill over a wide array, as the macro `aligned_ffill` defines it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import numpy as np

from mtstore.bars import PRICE_COLUMNS

if TYPE_CHECKING:
    from mtstore.query.request.request import AlignRequest

_COUNTS = ("volume", "transactions")
_NEVER = -(1 << 62)


@dataclass(slots=True)
class FillState:
    """What the rows before a range leave to it; `fill_forward` reads and updates it.

    Attributes
    ----------
    values
        float64, one per ticker and field, as the rows of the wide array: the last known value, NaN if none.
    last_us
        One per ticker: the label of its last bucket with bars.
    """

    values: np.ndarray
    last_us: np.ndarray

    @classmethod
    def empty(cls, tickers: int, fields: int) -> Self:
        return cls(np.full(tickers * fields, np.nan), np.full(tickers, _NEVER, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class FillLimits:
    """What is filled, and how far.

    Attributes
    ----------
    ts_us
        Labels of the buckets.
    fill_volume, fill_prices
        As in `AlignRequest`.
    max_age_us
        A ticker whose last bar is older than this has no values; None: no limit.
    session_days
        One number per bucket where values stay within a session; None: values cross sessions.
    """

    ts_us: np.ndarray
    fill_volume: str
    fill_prices: str
    max_age_us: int | None = None
    session_days: np.ndarray | None = None

    @classmethod
    def of(cls, request: AlignRequest, ts_us: np.ndarray, days: np.ndarray | None = None) -> Self:
        max_age_us = None if request.max_age is None else request.max_age // timedelta(microseconds=1)
        session_days = None if request.across_sessions else days
        return cls(ts_us, request.fill_volume, request.fill_prices, max_age_us, session_days)

    def session_starts(self) -> np.ndarray | None:
        """Return for each bucket the place of its session's first bucket."""
        if self.session_days is None:
            return None
        begins = np.concatenate([[True], self.session_days[1:] != self.session_days[:-1]])
        return np.asarray(np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0)))


@dataclass(frozen=True, slots=True)
class ActiveRange:
    """A ticker's first and last session, in days since 1970-01-01; None leaves that end open."""

    first_day: int | None = None
    last_day: int | None = None


def fill_forward(
    values: np.ndarray,
    present: np.ndarray,
    fields: Sequence[str],
    limits: FillLimits,
    state: FillState | None = None,
) -> None:
    """Fill in place: prices carry their own last value or, where a bar is missing, the last close; never backward.

    Volume and transactions of filled rows are 0 (`fill_volume` 'zero'), their last value ('ffill') or missing ('null');
    vwap stays missing, bar_count is 0. Nothing is filled before a ticker's first bar, unless `state` has values from
    before the range. `values` is float, shape (tickers × fields, buckets); `present` bool, shape (tickers, buckets).
    """
    if not present.shape[1]:
        return
    if limits.session_days is not None:
        order = np.argsort(limits.session_days, kind="stable")
        if np.any(order[1:] < order[:-1]):
            # Sessions of several calendars interleave: fill in the order of sessions, then put back.
            ordered = replace(limits, ts_us=limits.ts_us[order], session_days=limits.session_days[order])
            part = values[:, order]
            fill_forward(part, present[:, order], fields, ordered)
            values[:, order] = part
            return
    session_starts = limits.session_starts()
    for ticker, here in enumerate(present):
        own = slice(ticker * len(fields), (ticker + 1) * len(fields))
        last_us = int(state.last_us[ticker]) if state else _NEVER
        filled = _FillRange.of(here, limits, session_starts, last_us)
        rows = dict(zip(fields, values[own], strict=True))
        _fill_ticker(rows, filled, limits, state.values[own] if state else None)
        if state and here.any():
            state.last_us[ticker] = limits.ts_us[np.flatnonzero(here)[-1]]


def mask_inactive(
    values: np.ndarray, present: np.ndarray, days: np.ndarray, active: Sequence[ActiveRange], fields: Sequence[str]
) -> None:
    """Remove, in place, what was filled on days outside of a ticker's active range.

    The macro `core.resampled` leaves out bars there. `values` and `present` as in `fill_forward`; `days` has one number
    per bucket.
    """
    for ticker, one in enumerate(active):
        if one == ActiveRange():
            continue
        outside = np.zeros(len(days), dtype=bool)
        if one.first_day is not None:
            outside |= days < one.first_day
        if one.last_day is not None:
            outside |= days > one.last_day
        inactive = outside & ~present[ticker]
        for number, name in enumerate(fields):
            if name != "bar_count":
                values[ticker * len(fields) + number, inactive] = np.nan


@dataclass(frozen=True, slots=True)
class _FillRange:
    """One ticker's buckets without bars.

    Attributes
    ----------
    here
        Which buckets have bars.
    absent, last
        The places of the buckets without bars, and the last bar before each; -1 for none.
    is_fresh
        Whether that bar is recent enough to be carried.
    """

    here: np.ndarray
    absent: np.ndarray
    last: np.ndarray
    is_fresh: np.ndarray
    session_starts: np.ndarray | None

    @classmethod
    def of(cls, here: np.ndarray, limits: FillLimits, session_starts: np.ndarray | None, last_us: int) -> Self:
        absent = np.flatnonzero(~here)
        last = _before(absent, session_starts)
        is_fresh = (last >= 0) | (last_us > _NEVER)
        if limits.max_age_us is not None:
            seen_us = np.where(last >= 0, limits.ts_us[np.maximum(last, 0)], last_us)
            is_fresh &= limits.ts_us[absent] - seen_us <= limits.max_age_us
        return cls(here, absent, last, is_fresh, session_starts)


def _before(holes: np.ndarray, session_starts: np.ndarray | None) -> np.ndarray:
    """Return for each hole, ascending, the newest place before it in its session that is not a hole; -1 for none."""
    if not len(holes):
        return holes
    # The place before the first hole of a run counts for the whole run, as a running maximum.
    run_starts = holes.copy()
    run_starts[1:][holes[1:] == holes[:-1] + 1] = 0
    last: np.ndarray = np.maximum.accumulate(run_starts) - 1
    if session_starts is not None:
        last[last < session_starts[holes]] = -1
    return last


def _fill_ticker(
    rows: dict[str, np.ndarray], filled: _FillRange, limits: FillLimits, carried: np.ndarray | None
) -> None:
    absent, fresh = filled.absent, filled.is_fresh
    for number, (name, row) in enumerate(rows.items()):
        if name not in PRICE_COLUMNS and name not in _COUNTS:
            continue
        if name in PRICE_COLUMNS or carried is not None or limits.fill_volume == "ffill":
            holes, found, newest = _carry(row, filled, carried, number)
            if name in PRICE_COLUMNS:
                row[holes] = found
                row[absent[~fresh]] = float("nan")
            elif limits.fill_volume == "ffill":
                row[absent[fresh]] = found[~filled.here[holes]][fresh]
            if carried is not None:
                carried[number] = newest
        if name in _COUNTS and limits.fill_volume == "zero":
            row[absent[fresh]] = 0.0
    if limits.fill_prices == "close" and "close" in rows:
        for name in ("open", "high", "low"):
            if name in rows:
                rows[name][absent] = rows["close"][absent]
    if "bar_count" in rows:
        rows["bar_count"][absent] = 0


def _carry(
    row: np.ndarray, filled: _FillRange, carried: np.ndarray | None, number: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the places without a value, the newest value before each (else the carried one), and the newest of all."""
    is_hole = np.isnan(row)
    # Most rows miss values only where the ticker has no bars; those places were computed once for all rows.
    if np.count_nonzero(is_hole) == len(filled.absent):
        holes, last = filled.absent, filled.last
    else:
        holes = np.flatnonzero(is_hole)
        last = _before(holes, filled.session_starts)
    found: np.ndarray = row[last]
    found[last < 0] = float("nan") if carried is None else carried[number]
    newest = found[-1] if len(holes) and holes[-1] == len(row) - 1 else row[-1]
    return holes, found, float(newest)
