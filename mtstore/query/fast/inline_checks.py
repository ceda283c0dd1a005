"""Gaps and outliers counted while a wide table is made: what the macros gaps and outliers find, without reading twice.

It serves direct calls over whole sessions whose buckets are counted from the session's open; others ask the macros. A
test holds the counts against the macros' rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from mtstore.query.fast.buckets import Buckets
    from mtstore.query.fast.read_parquet import ReadPlan
    from mtstore.query.request.request import AlignRequest

_US_PER_MINUTE = 60_000_000


@dataclass(slots=True)
class InlineChecks:
    """Counts by ticker, as each ticker's row comes by.

    Attributes
    ----------
    buckets
        Those of the read plan.
    gap_minutes
        By ticker: a run of missing buckets counts if it is longer.
    thresholds
        By ticker: a return counts if it is further from the mean of the ticker's returns, in standard deviations.
    gap_counts, outlier_counts
        What was found, of the tickers in `gap_minutes` and `thresholds`.
    """

    buckets: Buckets
    gap_minutes: Mapping[str, float]
    thresholds: Mapping[str, float]
    gap_counts: dict[str, int] = field(default_factory=dict)
    outlier_counts: dict[str, int] = field(default_factory=dict)
    _ts_us: np.ndarray = field(init=False)
    _piece: np.ndarray = field(init=False)

    def begin(self, ts_us: np.ndarray) -> None:
        """Take the buckets that the table has."""
        import numpy as np

        self._ts_us = ts_us
        self._piece = np.searchsorted(self.buckets.timeline.start_us, ts_us, side="right") - 1
        # Buckets of a day and more have no gaps within a session.
        self.gap_counts.update(dict.fromkeys(self.gap_minutes if self.buckets.step_us else (), 0))
        self.outlier_counts.update(dict.fromkeys(self.thresholds, 0))

    def observe(self, ticker: str, present: np.ndarray, closes: np.ndarray) -> None:
        """One stored ticker's buckets, before anything is filled in."""
        import numpy as np

        places = np.flatnonzero(present)
        if ticker in self.gap_minutes and self.buckets.step_us:
            runs_us = self._missing_us(places)
            self.gap_counts[ticker] = int(np.count_nonzero(runs_us / _US_PER_MINUTE > self.gap_minutes[ticker]))
        if ticker in self.thresholds:
            self.outlier_counts[ticker] = self._outliers(places, closes[places], self.thresholds[ticker])

    def _missing_us(self, places: np.ndarray) -> np.ndarray:
        """The lengths of all runs of missing buckets, and of none that are 0, within the pieces of sessions."""
        import numpy as np

        start_us, end_us = self.buckets.timeline.start_us, self.buckets.timeline.end_us
        is_empty = np.ones(len(start_us), dtype=bool)
        if not len(places):
            return np.asarray(end_us - start_us)
        piece, labels = self._piece[places], self._ts_us[places]
        is_empty[piece] = False
        reached = labels + self.buckets.step_us
        changes = np.flatnonzero(piece[1:] != piece[:-1])
        first, last = np.append(0, changes + 1), np.append(changes, len(places) - 1)
        before = np.empty_like(labels)
        before[1:] = reached[:-1]
        before[first] = start_us[piece[first]]
        after = end_us[piece[last]] - reached[last]
        return np.concatenate([labels - before, after, (end_us - start_us)[is_empty]])

    def _outliers(self, places: np.ndarray, closes: np.ndarray, threshold: float) -> int:
        import numpy as np

        is_return = (closes[1:] > 0) & (closes[:-1] > 0)
        if self.buckets.step_us:
            session = self.buckets.timeline.session_date[self._piece[places]]
            is_return &= session[1:] == session[:-1]
        returns = np.log(closes[1:][is_return] / closes[:-1][is_return])
        spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
        if not spread:
            return 0
        return int(np.count_nonzero(np.abs(returns - returns.mean()) > threshold * spread))


def supports_inline_checks(chosen: ReadPlan, call: AlignRequest) -> bool:
    """Whether a `InlineChecks` counts what the macros would."""
    is_whole = not any(bound is None or isinstance(bound, datetime) for bound in (call.bounds.start, call.bounds.end))
    pieces = chosen.buckets.timeline
    is_anchored = not chosen.buckets.step_us or bool((pieces.start_us == pieces.anchor_us).all())
    return is_whole and is_anchored and call.session == "regular" and call.anchor == "session"
