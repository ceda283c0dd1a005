"""Frames of pandas as Arrow tables, and the header lines of Arrow schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtstore.errors import InputError
from mtstore.sources.custom.find_columns import has_price_names
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping

if TYPE_CHECKING:
    import pyarrow as pa

_UNNAMED_INDEX = "__index_level_0__"


def frame_to_table(frame: Any, mapping: ColumnMapping) -> tuple[pa.Table, list[list[str]] | None]:
    """Return a DataFrame as a table and, if its columns have levels, the header line of each level."""
    import pandas as pd
    import pyarrow as pa

    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"frame: was a {type(frame).__name__}; use a pyarrow Table or a pandas DataFrame")
    header: list[list[str]] | None = None
    time = mapping.theirs("ts_event")
    if frame.columns.nlevels > 1:
        levels = [["", *map(str, frame.columns.get_level_values(at))] for at in range(frame.columns.nlevels)]
        # The times are named beside the names of prices, so that no ticker has the name of the times.
        named = next((level for level in levels if has_price_names(level)), levels[-1])
        named[0] = time
        header = levels
        frame = frame.set_axis([f"c{at}" for at in range(frame.shape[1])], axis=1).rename_axis(index=time)
        return pa.Table.from_pandas(frame.reset_index(), preserve_index=False), header
    if time not in frame.columns and _is_time(frame.index, mapping):
        frame = frame.rename_axis(index=time)
    has_names = any(one is not None for one in frame.index.names)
    return pa.Table.from_pandas(frame.reset_index() if has_names else frame, preserve_index=False), header


def table_header(schema: pa.Schema, mapping: ColumnMapping) -> list[list[str]]:
    """Return a schema's names as a header line; an index without a name is ts_event if it alone has times."""
    import pyarrow as pa

    names = list(schema.names)
    time = mapping.theirs("ts_event")
    if _UNNAMED_INDEX in names and time not in names:
        kinds = [schema.field(at).type for at in range(len(names))]
        times = [
            name
            for name, kind in zip(names, kinds, strict=True)
            if pa.types.is_timestamp(kind) or pa.types.is_date(kind)
        ]
        if times == [_UNNAMED_INDEX]:
            names[names.index(_UNNAMED_INDEX)] = time
    return [names]


def _is_time(index: Any, mapping: ColumnMapping) -> bool:
    """Return whether an index has the bars' times: instants, dates, text, or numbers with a time_unit."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        return True
    is_number = pd.api.types.is_numeric_dtype(index.dtype)
    return index.nlevels == 1 and index.name is None and (mapping.time_unit is not None or not is_number)
