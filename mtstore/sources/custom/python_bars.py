"""Take bars as Python's clients return them: frames by ticker, ccxt's lists, Polygon's `Agg` objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mtstore.errors import InputError

_CCXT: Final = ("ts_event", "open", "high", "low", "close", "volume")
_AGG: Final = ("open", "high", "low", "close", "volume", "vwap", "transactions")
_FRAMES: Final = {("pandas", "DataFrame"), ("polars", "DataFrame"), ("polars", "LazyFrame"), ("pyarrow", "Table")}


def is_bars(data: object) -> bool:
    """Return whether `data` is a frame, frames by ticker, or a list of bars, and not paths of files."""
    if isinstance(data, Mapping):
        return True
    return _kind(data) in _FRAMES or _is_ccxt(data) or _is_aggs(data)


def as_frame(data: Any) -> Any:
    """Return a pandas DataFrame or a pyarrow Table of `data`; see `is_bars`.

    Frames by ticker become one frame with a column `ticker`. The times of ccxt's lists `[time, open, high, low, close,
    volume]` and of Polygon's `Agg` objects are milliseconds since 1970, UTC.

    Raises
    ------
    InputError
        It is none of these, or a frame of a ticker has a column `ticker`.
    """
    if isinstance(data, Mapping):
        return _frames_by_ticker(data)
    if _is_ccxt(data):
        return _with_times([dict(zip(_CCXT, row, strict=True)) for row in data])
    if _is_aggs(data):
        return _with_times([{"ts_event": one.timestamp} | {name: getattr(one, name) for name in _AGG} for one in data])
    if _kind(data) == ("polars", "LazyFrame"):
        data = data.collect()
    return data.to_arrow() if _kind(data)[0] == "polars" else data


def _frames_by_ticker(frames: Mapping[Any, Any]) -> Any:
    import pandas as pd

    parts = []
    for ticker, frame in frames.items():
        if _kind(frame) not in _FRAMES:
            raise InputError(f"frame of {ticker!r}: was a {type(frame).__name__}; use a pandas or polars DataFrame")
        plain = as_frame(frame)
        plain = plain.to_pandas() if _kind(plain)[0] == "pyarrow" else plain
        if "ticker" in plain.columns:
            raise InputError(f"frame of {ticker!r}: it has a column 'ticker'; pass one frame, or drop the column")
        if not isinstance(plain.index, pd.RangeIndex):
            plain = plain.rename_axis("ts_event") if plain.index.name is None else plain
            plain = plain.reset_index()
        parts.append(plain.assign(ticker=ticker))
    if not parts:
        raise InputError("frames: there are none; pass {'AAPL': frame, …}")
    return pd.concat(parts, ignore_index=True)


def _with_times(rows: list[dict[str, Any]]) -> Any:
    import pandas as pd

    frame = pd.DataFrame(rows)
    return frame.assign(ts_event=pd.to_datetime(frame["ts_event"], unit="ms", utc=True))


def _is_ccxt(data: object) -> bool:
    first = _first(data)
    return isinstance(first, list | tuple) and len(first) == len(_CCXT) and not isinstance(first[0], str)


def _is_aggs(data: object) -> bool:
    return _kind(_first(data)) == ("polygon", "Agg")


def _first(data: object) -> object:
    return data[0] if isinstance(data, Sequence) and not isinstance(data, str) and data else None


def _kind(data: object) -> tuple[str, str]:
    # By name, so that no package is imported only to find out.
    return type(data).__module__.partition(".")[0], type(data).__name__
