"""What is known of the buckets of a wide table themselves: their right edges, their sessions, and which are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore.query.align.sql_rows import CLOSE, IN_RANGE, SESSION

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_LATEST_DAY = 1 << 40


class Labels:
    """Filled from the rows that are read: several tickers' rows tell of one bucket.

    Attributes
    ----------
    close_us
        Right edges, µs since the epoch; None unless read.
    days
        Sessions, in days since 1970-01-01: the earliest that a ticker has there; None unless read.
    in_range
        Which buckets lie in the range of any ticker, and were not only looked back at; None unless read.
    """

    def __init__(self, length: int, columns: tuple[str, ...]) -> None:
        import numpy as np

        self.close_us = np.zeros(length, dtype=np.int64) if CLOSE in columns else None
        self.days = np.full(length, _LATEST_DAY, dtype=np.int64) if SESSION in columns else None
        self.in_range = np.zeros(length, dtype=bool) if IN_RANGE in columns else None

    def take(self, batch: pa.RecordBatch, place: np.ndarray) -> None:
        """Take in rows; `place` says in which bucket each lies. Those of the calendar's grid are all in the range."""
        import numpy as np

        if self.close_us is not None:
            np.maximum.at(self.close_us, place, batch.column("close_us").to_numpy())
        if self.days is not None:
            np.minimum.at(self.days, place, batch.column(SESSION).to_numpy())
        if self.in_range is not None and IN_RANGE not in batch.schema.names:
            self.in_range[place] = True
        elif self.in_range is not None:
            np.logical_or.at(self.in_range, place, batch.column(IN_RANGE).to_numpy(zero_copy_only=False))


def local_days(ts_us: np.ndarray, tz: str) -> np.ndarray:
    """The dates of instants in a zone, in days since 1970-01-01."""
    import numpy as np
    import pandas as pd

    local = pd.DatetimeIndex(ts_us.view("datetime64[us]")).tz_localize("UTC").tz_convert(tz).tz_localize(None)
    return local.to_numpy().astype("datetime64[D]").astype(np.int64)
