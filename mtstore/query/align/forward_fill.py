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
class FillState:
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
class FillLimits:
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
    limits: FillLimits | None = None,
    carry: FillState | None = None,
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
    frame = _Frame.of(limits)
    for ticker, here in enumerate(present):
        first = ticker * len(fields)
        last_us = int(carry.last_us[ticker]) if carry else _NEVER
        reach = _FillRange.of(here, frame, last_us)
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
    limits: FillLimits,
    *,
    fill_volume: str,
    fill_prices: str,
) -> None:
    """Fill where sessions interleave: in the order of sessions, then put back."""
    assert limits.session_days is not None  # noqa: S101 - the caller has looked
    sorted_limits = FillLimits(limits.ts_us[order], limits.max_age_us, limits.session_days[order])
    part = values[:, order]
    fill_forward(
        part, present[:, order], fields, fill_volume=fill_volume, fill_prices=fill_prices, limits=sorted_limits
    )
    values[:, order] = part


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all tickers share: where each bucket's session begins, labels and age limit."""

    session_first: np.ndarray | None
    ts_us: np.ndarray | None
    max_age_us: int | None

    @classmethod
    def of(cls, limits: FillLimits | None) -> Self:
        import numpy as np

        if limits is None:
            return cls(None, None, None)
        session_first = None
        if limits.session_days is not None:
            begins = np.concatenate([[True], limits.session_days[1:] != limits.session_days[:-1]])
            session_first = np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))
        return cls(session_first, limits.ts_us, limits.max_age_us)

    def before(self, holes: np.ndarray) -> np.ndarray:
        """For each of these places, ascending, the newest one before it, of its session, that is none; -1 for none."""
        import numpy as np

        if not len(holes):
            return holes
        run_starts = holes.copy()
        run_starts[1:][holes[1:] == holes[:-1] + 1] = 0
        last: np.ndarray = np.maximum.accumulate(run_starts) - 1
        if self.session_first is not None:
            last[last < self.session_first[holes]] = -1
        return last


@dataclass(frozen=True, slots=True)
class _FillRange:
    """One ticker's buckets without bars: where they are, the last bar before each, and whether it still counts."""

    here: np.ndarray
    absent: np.ndarray
    last: np.ndarray
    is_fresh: np.ndarray

    @classmethod
    def of(cls, here: np.ndarray, frame: _Frame, last_us: int) -> Self:
        import numpy as np

        absent = np.flatnonzero(~here)
        last = frame.before(absent)
        is_fresh = (last >= 0) | (last_us > _NEVER)
        if frame.max_age_us is not None and frame.ts_us is not None:
            seen_us = np.where(last >= 0, frame.ts_us[np.maximum(last, 0)], last_us)
            is_fresh &= frame.ts_us[absent] - seen_us <= frame.max_age_us
        return cls(here, absent, last, is_fresh)


def _fill_ticker(
    rows: dict[str, np.ndarray],
    reach: _FillRange,
    frame: _Frame,
    carried: np.ndarray | None,
    *,
    fill_volume: str,
    fill_prices: str,
) -> None:
    for number, (name, row) in enumerate(rows.items()):
        if name not in PRICE_COLUMNS and name not in _COUNTS:
            continue
        if carried is None and name in _COUNTS and fill_volume != "ffill":
            _fill_count(row, reach, None, how=fill_volume)
            continue
        holes, found, newest = _older(row, reach, frame, carried, number)
        if name in PRICE_COLUMNS:
            row[holes] = found
            row[reach.absent[~reach.is_fresh]] = float("nan")
        else:
            _fill_count(row, reach, found[~reach.here[holes]], how=fill_volume)
        if carried is not None:
            carried[number] = newest
    if fill_prices == "close" and "close" in rows:
        for name in ("open", "high", "low"):
            if name in rows:
                rows[name][reach.absent] = rows["close"][reach.absent]
    if "bar_count" in rows:
        rows["bar_count"][reach.absent] = 0


def _fill_count(row: np.ndarray, reach: _FillRange, older: np.ndarray | None, *, how: str) -> None:
    if how == "zero":
        row[reach.absent[reach.is_fresh]] = 0.0
    elif how == "ffill" and older is not None:
        row[reach.absent[reach.is_fresh]] = older[reach.is_fresh]


def _older(
    row: np.ndarray, reach: _FillRange, frame: _Frame, carried: np.ndarray | None, number: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Where a row has no value, the newest one before each of those places, and the newest of all.

    Where there is none in the row, it is what was carried in. Most rows lack values only where the ticker has no bars,
    and those places were looked at once for all rows.
    """
    import numpy as np

    is_hole = np.isnan(row)
    if np.count_nonzero(is_hole) == len(reach.absent):
        holes, last = reach.absent, reach.last
    else:
        holes = np.flatnonzero(is_hole)
        last = frame.before(holes)
    found: np.ndarray = row[last]
    found[last < 0] = float("nan") if carried is None else carried[number]
    newest = found[-1] if len(holes) and holes[-1] == len(row) - 1 else row[-1]
    return holes, found, float(newest)
