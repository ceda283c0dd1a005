"""Active ranges: nothing of a ticker is shown before its first or after its last session, filled values neither.

Bars outside are left out by the macro `core.resampled`; what is left is to fill nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class ActiveRange:
    """A ticker's first and last session, in days since 1970-01-01; None leaves that end open."""

    first_day: int | None = None
    last_day: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is any day on which the ticker is not shown."""
        return self.first_day is not None or self.last_day is not None


def mask_inactive(
    values: np.ndarray, present: np.ndarray, days: np.ndarray, active: Sequence[ActiveRange], fields: Sequence[str]
) -> None:
    """Take away, in place, what was filled in on days on which a ticker is not active.

    `values` has one row per ticker and field, `present` one per ticker, `days` one number per bucket.
    """
    import numpy as np

    kept = [number for number, name in enumerate(fields) if name != "bar_count"]
    for ticker, one in enumerate(active):
        if not one.is_limited:
            continue
        idle = ~present[ticker]
        first = one.first_day if one.first_day is not None else np.iinfo(np.int64).min
        last = one.last_day if one.last_day is not None else np.iinfo(np.int64).max
        idle &= (days < first) | (days > last)
        for number in kept:
            values[ticker * len(fields) + number, idle] = np.nan
