"""One ticker's bars in its own buckets, aligned with nobody: what the macro `resampled` gives, as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.bars import VALUE_COLUMNS
from mtstore.query.fast import read_parquet
from mtstore.query.table.output_buffers import MemoryBuffer
from mtstore.query.table.pandas_frames import long_frame, time_index

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.query.request.request import SeriesRequest
    from mtstore.query.snapshot.store_facts import StoreFacts


def ticker_frame(facts: StoreFacts, call: SeriesRequest) -> pd.DataFrame:
    """The bars of a call for one ticker: index `timestamp` in the call's zone, one column per value.

    Straight from the files where that is possible; both ways give the same frame, and a test holds them against each
    other.
    """
    chosen = read_parquet.plan_read(facts, call)
    if chosen is not None and chosen.files:
        return _read_parquet(chosen, call.tz)
    rows = facts.connection.sql(sqlfiles.load("request.ticker_rows"), params=call.parameters()).to_arrow_table()
    return long_frame(rows, call.tz)


def _read_parquet(chosen: read_parquet.ReadPlan, tz: str) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    reading = read_parquet.ParquetRead(chosen, VALUE_COLUMNS)
    length = len(reading.ts_us)
    sheet = MemoryBuffer(1, len(VALUE_COLUMNS), length, "float64")
    reading.fill(sheet, np.zeros((1, length), dtype=bool), lambda _number, _rows: None)
    columns = dict(zip(VALUE_COLUMNS, sheet.finish(), strict=True))
    counts = columns["transactions"]
    if not np.isnan(counts).any():
        columns["transactions"] = counts.astype(np.int64)
    return pd.DataFrame(columns, index=time_index(reading.ts_us, tz))
