"""pandas frames of computed arrays: the array is used without a copy, the index carries the zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from mtstore.arguments import check_choice
from mtstore.config.choices import LABELS
from mtstore.query.table.wide_table import WideTable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

Columns = Literal["flat", "multi"]
COLUMNS: tuple[str, ...] = get_args(Columns)
INDEX_NAME = "timestamp"


def wide_frame(wide: WideTable, tz: str, *, label: str = "left", columns: str = "flat") -> pd.DataFrame:
    """Return a wide table as a DataFrame, without a copy.

    Parameters
    ----------
    tz
        The zone of the index, a tz-aware DatetimeIndex named `timestamp`.
    label
        Which edge of a bucket names it: `left` or `right`.
    columns
        `flat`: `AAPL_open` …; `multi`: a MultiIndex of ticker and field.
    """
    import pandas as pd

    check_columns(columns)
    check_choice("label", label, LABELS)
    if columns == "flat":
        names = pd.Index([f"{ticker}_{name}" for ticker in wide.tickers for name in wide.fields])
    else:
        names = pd.MultiIndex.from_product([wide.tickers, wide.fields], names=["ticker", "field"])
    stamps = wide.close_us if label == "right" and wide.close_us is not None else wide.ts_us
    return pd.DataFrame(wide.values.T, index=time_index(stamps, tz), columns=names, copy=False)


def check_columns(columns: str) -> None:
    check_choice("columns", columns, COLUMNS)


def time_index(ts_us: np.ndarray, tz: str) -> pd.DatetimeIndex:
    """Return instants in µs since the epoch as an index in a zone."""
    import pandas as pd

    return pd.DatetimeIndex(ts_us.view("datetime64[us]"), name=INDEX_NAME).tz_localize("UTC").tz_convert(tz)


def long_frame(table: pa.Table, tz: str) -> pd.DataFrame:
    """Return one ticker's rows as a DataFrame: index `timestamp` in the zone, the other columns unchanged."""
    stamps = table["ts_event"].combine_chunks().cast("int64").to_numpy()
    frame: pd.DataFrame = table.drop_columns(["ts_event"]).to_pandas()
    frame.index = time_index(stamps, tz)
    return frame
