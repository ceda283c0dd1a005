"""Forward fill over a wide array, as the macro aligned_ffill defines it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from mtstore.bars import PRICE_COLUMNS

if TYPE_CHECKING:
    import numpy as np

_COUNTS = ("volume", "transactions")
_NEVER = -(1 << 62)


@dataclass(slots=True)
class Carry:
    """What the rows before a range leave to it; `fill_forward` takes it in and brings it up to date.

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
    def nothing(cls, tickers: int, fields: int) -> Self:
        """Nothing before the range."""
        import numpy as np

        return cls(np.full(tickers * fields, np.nan), np.full(tickers, _NEVER, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Limits:
    """How far values are carried.

    Attributes
    ----------
    ts_us
        Labels of the buckets.
    max_age_us
        A ticker whose last bar is older than this has no values; None: no limit.
    session_days
        One number per bucket, where nothing is carried from one session into another; None: across sessions.
    """

    ts_us: np.ndarray
    max_age_us: int | None = None
    session_days: np.ndarray | None = None


def fill_forward(
    values: np.ndarray,
    present: np.ndarray,
    fields: Sequence[str],
    *,
    fill_volume: str,
    fill_prices: str,
    limits: Limits | None = None,
    carry: Carry | None = None,
) -> None:
    """Fill in place: prices carry their own last value (or, where a bar is missing, the last close), never backward.

    Volume and transactions of filled rows are 0 (`fill_volume` 'zero'), their last value ('ffill') or missing ('null');
    vwap stays missing, bar_count is 0. Nothing is filled before a ticker's first bar, unless `carry` brings values from
    before the range. `values` is float, shape (tickers × fields, buckets); `present` bool, shape (tickers, buckets).
    """
    import numpy as np

    length = present.shape[1]
    if not length:
        return
    if limits is not None and limits.session_days is not None:
        order = np.argsort(limits.session_days, kind="stable")
        if np.any(order[1:] < order[:-1]):
            _fill_in_order(values, present, fields, order, limits, fill_volume=fill_volume, fill_prices=fill_prices)
            return
    frame = _Frame.of(length, limits)
    for ticker, here in enumerate(present):
        first = ticker * len(fields)
        last_us = int(carry.last_us[ticker]) if carry else _NEVER
        reach = _Reach.of(here, frame, last_us)
        carried = carry.values[first : first + len(fields)] if carry else None
        rows = dict(zip(fields, values[first : first + len(fields)], strict=True))
        _fill_ticker(rows, reach, frame, carried, fill_volume=fill_volume, fill_prices=fill_prices)
        if carry and limits is not None and here.any():
            carry.last_us[ticker] = limits.ts_us[np.flatnonzero(here)[-1]]


def _fill_in_order(
    values: np.ndarray,
    present: np.ndarray,
    fields: Sequence[str],
    order: np.ndarray,
    limits: Limits,
    *,
    fill_volume: str,
    fill_prices: str,
) -> None:
    """Fill where sessions interleave: in the order of sessions, then put back."""
    assert limits.session_days is not None  # noqa: S101 - the caller has looked
    sorted_limits = Limits(limits.ts_us[order], limits.max_age_us, limits.session_days[order])
    part = values[:, order]
    fill_forward(
        part, present[:, order], fields, fill_volume=fill_volume, fill_prices=fill_prices, limits=sorted_limits
    )
    values[:, order] = part


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all tickers share: the numbers of the buckets, where each one's session begins, labels and age limit."""

    steps: np.ndarray
    session_first: np.ndarray | None
    ts_us: np.ndarray | None
    max_age_us: int | None

    @classmethod
    def of(cls, length: int, limits: Limits | None) -> Self:
        import numpy as np

        steps = np.arange(length)
        session_first = None
        if limits is not None and limits.session_days is not None:
            begins = np.concatenate([[True], limits.session_days[1:] != limits.session_days[:-1]])
            session_first = np.maximum.accumulate(np.where(begins, steps, 0))
        return cls(
            steps,
            session_first,
            None if limits is None else limits.ts_us,
            None if limits is None else limits.max_age_us,
        )

    def last(self, known: np.ndarray) -> np.ndarray:
        """For each bucket the newest one at or before it, of its session, that is known; -1 for none."""
        import numpy as np

        last = np.maximum.accumulate(np.where(known, self.steps, -1))
        if self.session_first is not None:
            last[last < self.session_first] = -1
        return last


@dataclass(frozen=True, slots=True)
class _Reach:
    """Where one ticker has bars, and where older ones still count."""

    here: np.ndarray
    last: np.ndarray
    is_fresh: np.ndarray
    is_always_fresh: bool

    @classmethod
    def of(cls, here: np.ndarray, frame: _Frame, last_us: int) -> Self:
        import numpy as np

        last = frame.last(here)
        is_fresh = (last >= 0) | (last_us > _NEVER)
        if frame.max_age_us is not None and frame.ts_us is not None:
            seen_us = np.where(last >= 0, frame.ts_us[np.maximum(last, 0)], last_us)
            is_fresh &= frame.ts_us - seen_us <= frame.max_age_us
        return cls(here, last, is_fresh, frame.max_age_us is None)


def _fill_ticker(
    rows: dict[str, np.ndarray],
    reach: _Reach,
    frame: _Frame,
    carried: np.ndarray | None,
    *,
    fill_volume: str,
    fill_prices: str,
) -> None:
    for number, (name, row) in enumerate(rows.items()):
        if name not in PRICE_COLUMNS and name not in _COUNTS:
            continue
        before = float("nan") if carried is None else float(carried[number])
        if carried is None and name in _COUNTS and fill_volume != "ffill":
            filled = None
        else:
            filled, newest = _carry(row, reach, frame, before)
            if carried is not None:
                carried[number] = newest
        if name in PRICE_COLUMNS:
            row[:] = filled
            if not reach.is_always_fresh:
                row[~reach.is_fresh] = float("nan")
        else:
            _fill_count(row, reach, filled, how=fill_volume)
    absent = ~reach.here
    if fill_prices == "close" and "close" in rows:
        for name in ("open", "high", "low"):
            if name in rows:
                rows[name][absent] = rows["close"][absent]
    if "bar_count" in rows:
        rows["bar_count"][absent] = 0


def _carry(row: np.ndarray, reach: _Reach, frame: _Frame, before: float) -> tuple[np.ndarray, float]:
    """Each place gets the newest value at or before it, and `before` where there is none; then the newest of all."""
    import numpy as np

    known = ~np.isnan(row)
    last = reach.last if np.array_equal(known, reach.here) else frame.last(known)
    filled = row[np.maximum(last, 0)]
    filled[last < 0] = before
    return filled, float(filled[-1])


def _fill_count(row: np.ndarray, reach: _Reach, filled: np.ndarray | None, *, how: str) -> None:
    missing = ~reach.here & reach.is_fresh
    if how == "zero":
        row[missing] = 0.0
    elif how == "ffill" and filled is not None:
        row[missing] = filled[missing]
