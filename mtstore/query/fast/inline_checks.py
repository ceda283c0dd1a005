"""Count gaps and outliers while a wide table is assembled: the macros' counts without a second read.

It serves fast-path requests over whole sessions whose buckets are counted from the session's open; others run the
macros. A test compares the counts with the macros' rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtstore.query.fast.buckets import Buckets
    from mtstore.query.fast.read_parquet import ReadPlan
    from mtstore.query.request.request import AlignRequest

_US_PER_MINUTE = 60_000_000


@dataclass(slots=True)
class InlineChecks:
    """Counts by ticker, taken from each ticker's row before it is filled.

    Attributes
    ----------
    buckets
        Those of the read plan.
    gap_minutes
        By ticker: a longer run of missing buckets is a gap.
    thresholds
        By ticker: a return further from the mean of the ticker's returns, in standard deviations, is an outlier.
    warning_limits
        By ticker in `thresholds`: a limit at or above the threshold, of which a load warns.
    gap_counts, outlier_counts
        The results, for the tickers in `gap_minutes` and `thresholds`.
    warned_counts
        Numbers of outliers beyond `warning_limits`.
    """

    buckets: Buckets
    gap_minutes: Mapping[str, float]
    thresholds: Mapping[str, float]
    warning_limits: Mapping[str, float]
    gap_counts: dict[str, int] = field(default_factory=dict)
    outlier_counts: dict[str, int] = field(default_factory=dict)
    warned_counts: dict[str, int] = field(default_factory=dict)
    _ts_us: np.ndarray = field(init=False)
    _segment: np.ndarray = field(init=False)

    def begin(self, ts_us: np.ndarray) -> None:
        """Receive the labels of the table's buckets."""
        self._ts_us = ts_us
        self._segment = np.searchsorted(self.buckets.timeline.start_us, ts_us, side="right") - 1
        # Buckets of a day and more have no gaps within a session.
        self.gap_counts.update(dict.fromkeys(self.gap_minutes if self.buckets.step_us else (), 0))
        self.outlier_counts.update(dict.fromkeys(self.thresholds, 0))
        self.warned_counts.update(dict.fromkeys(self.thresholds, 0))

    def observe(self, ticker: str, present: np.ndarray, closes: np.ndarray) -> None:
        """Count in a stored ticker's row."""
        places = np.flatnonzero(present)
        if ticker in self.gap_minutes and self.buckets.step_us:
            runs_us = self._missing_us(places)
            self.gap_counts[ticker] = int(np.count_nonzero(runs_us / _US_PER_MINUTE > self.gap_minutes[ticker]))
        if ticker in self.thresholds:
            limits = (self.thresholds[ticker], self.warning_limits[ticker])
            found = self._outliers(places, closes[places], limits)
            self.outlier_counts[ticker], self.warned_counts[ticker] = found

    def _missing_us(self, places: np.ndarray) -> np.ndarray:
        """Return the lengths of all runs of missing buckets within the sessions' segments; some are 0."""
        start_us, end_us = self.buckets.timeline.start_us, self.buckets.timeline.end_us
        if not len(places):
            return np.asarray(end_us - start_us)
        segment, labels = self._segment[places], self._ts_us[places]
        is_empty = np.ones(len(start_us), dtype=bool)
        is_empty[segment] = False
        reached = labels + self.buckets.step_us
        changes = np.flatnonzero(segment[1:] != segment[:-1])
        first, last = np.append(0, changes + 1), np.append(changes, len(places) - 1)
        # Runs before a bucket begin at the bucket before, or at the segment's start; runs after the last, at its end.
        before = np.empty_like(labels)
        before[1:] = reached[:-1]
        before[first] = start_us[segment[first]]
        after = end_us[segment[last]] - reached[last]
        return np.concatenate([labels - before, after, (end_us - start_us)[is_empty]])

    def _outliers(self, places: np.ndarray, closes: np.ndarray, limits: tuple[float, float]) -> tuple[int, int]:
        is_return = (closes[1:] > 0) & (closes[:-1] > 0)
        if self.buckets.step_us:  # no return from one session to the next
            session = self.buckets.timeline.session_date[self._segment[places]]
            is_return &= session[1:] == session[:-1]
        returns = np.log(closes[1:][is_return] / closes[:-1][is_return])
        spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
        if not spread:
            return 0, 0
        distances = np.abs(returns - returns.mean())
        lower, upper = (int(np.count_nonzero(distances > limit * spread)) for limit in limits)
        return lower, upper


def supports_inline_checks(plan: ReadPlan, request: AlignRequest) -> bool:
    """Tell whether `InlineChecks` counts what the macros would."""
    has_dates = all(
        bound is not None and not isinstance(bound, datetime) for bound in (request.bounds.start, request.bounds.end)
    )
    timeline = plan.buckets.timeline
    is_anchored = not plan.buckets.step_us or bool((timeline.start_us == timeline.anchor_us).all())
    return has_dates and is_anchored and request.session == "regular" and request.anchor == "session"
