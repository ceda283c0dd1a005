"""Convert DuckDB's INTERVAL to durations, which Arrow's readers, pandas and polars can compute with.

Arrow's type for intervals can neither be written to parquet nor read by polars, and pandas makes objects of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore.ranges import US_PER_DAY

if TYPE_CHECKING:
    import pyarrow as pa


def with_durations(table: pa.Table) -> pa.Table:
    """Return the table with its interval columns as durations in µs, a day as 24 hours.

    A column that counts months, which have no fixed length, stays unchanged.
    """
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if pa.types.is_interval(field.type):
            column = _duration(table.column(number))
            if column is not None:
                table = table.set_column(number, pa.field(field.name, column.type, field.nullable), column)
    return table


def durations_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of `with_durations` for a table that counts no months."""
    import pyarrow as pa

    for number, field in enumerate(schema):
        if pa.types.is_interval(field.type):
            schema = schema.set(number, pa.field(field.name, pa.duration("us"), field.nullable))
    return schema


def month_columns(table: pa.Table) -> list[str]:
    """Return the names of the columns that count months, after `with_durations`."""
    import pyarrow as pa

    return [field.name for field in table.schema if pa.types.is_interval(field.type)]


def _duration(column: pa.ChunkedArray) -> pa.Array | None:
    import numpy as np
    import pyarrow as pa

    array = column.combine_chunks()
    # The layout of Arrow's month_day_nano_interval.
    parts = np.dtype([("months", np.int32), ("days", np.int32), ("nanoseconds", np.int64)])
    count = len(array)
    stored = np.frombuffer(array.buffers()[1] or b"", dtype=parts, count=count, offset=array.offset * parts.itemsize)
    is_missing = array.is_null().to_numpy(zero_copy_only=False)
    if np.any(stored["months"][~is_missing]):
        return None
    us = stored["days"].astype(np.int64) * US_PER_DAY + stored["nanoseconds"] // 1_000
    return pa.array(us.view("timedelta64[us]"), pa.duration("us"), mask=is_missing)
