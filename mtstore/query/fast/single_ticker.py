"""One ticker's bars in its own buckets, without alignment: the result of the macro `resampled`, as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtstore.bars import VALUE_COLUMNS
from mtstore.query.fast import read_parquet
from mtstore.query.request.request import macro_call
from mtstore.query.table.output_buffers import MemoryBuffer
from mtstore.query.table.pandas_frames import long_frame, time_index

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.query.request.request import SeriesRequest
    from mtstore.query.snapshot.store_facts import StoreFacts


def ticker_frame(facts: StoreFacts, request: SeriesRequest) -> pd.DataFrame:
    """Return a ticker's bars: index `timestamp` in the request's zone, one column per value.

    They come straight from the files where that is possible, with the same frame as a result.
    """
    plan = read_parquet.plan_read(facts, request)
    if plan is not None and plan.files:
        return _frame_from_files(plan, request.tz)
    parameters = request.parameters()
    statement = macro_call("resampled", parameters, columns=("ts_event", *VALUE_COLUMNS))
    rows = facts.connection.sql(statement, params=parameters).to_arrow_table()
    return long_frame(rows, request.tz)


def _frame_from_files(plan: read_parquet.ReadPlan, tz: str) -> pd.DataFrame:
    import pandas as pd

    reading = read_parquet.ParquetRead(plan, VALUE_COLUMNS)
    length = len(reading.ts_us)
    buffer = MemoryBuffer(1, len(VALUE_COLUMNS), length, "float64")
    reading.fill(buffer, np.zeros((1, length), dtype=bool), lambda _number, _rows: None)
    columns = dict(zip(VALUE_COLUMNS, buffer.finish(), strict=True))
    counts = columns["transactions"]
    if not np.isnan(counts).any():
        columns["transactions"] = counts.astype(np.int64)
    return pd.DataFrame(columns, index=time_index(reading.ts_us, tz))
