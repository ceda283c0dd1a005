"""List rejected rows of frames: as a frame like the view `quarantine`, and in a warning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mtstore.bars import arrow_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def rejected_rows(bad: Mapping[str, pa.Table]) -> pd.DataFrame:
    """Return rejected rows (`CheckedBars.rejected`) by ticker as one frame: ticker, row, bars, reason."""
    import pandas as pd

    columns = ["ticker", "row", *arrow_schema().names, "reason"]
    frames = [
        table.to_pandas().rename(columns={"file_index": "row"}).assign(ticker=ticker)
        for ticker, table in bad.items()
        if table.num_rows
    ]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def rejection_message(ticker: str, bad: pa.Table, count: int, place: str) -> str:
    """Return a warning about a ticker's rejected rows, of `count` in all, which `place` lists."""
    first = bad.slice(0, 1).to_pylist()[0]
    row = f", row {first['file_index']}" if "file_index" in first else ""
    return (
        f"{ticker!r}: {bad.num_rows} of {count} rows cannot be bars and are left out, the first{row} at "
        f"{first['ts_event']:%Y-%m-%d %H:%M:%S} UTC: {first['reason']}; {place} has all of them"
    )
