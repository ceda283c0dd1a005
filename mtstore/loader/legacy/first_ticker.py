"""Load the first ticker alone, which `multi_ticker.enabled: false` falls back to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mtstore.errors import InputError
from mtstore.loader.legacy.single_ticker import TickerDataLoader
from mtstore.loader.load.requests import requested_tickers
from mtstore.loader.load.result import LoadResult, single_ticker_result
from mtstore.query.table.wide_table import field_names

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.bounds import BoundLike
    from mtstore.config import Config
    from mtstore.loader.load.fetch_missing import MissingDataFetcher
    from mtstore.store import Store


def first_ticker(
    config: Config, store: Store, tickers: str | Iterable[str] | None, *, columns: str, dtype: str
) -> tuple[str, str | None]:
    """Return the first requested ticker, and a warning that lists the others, if any."""
    if columns != "flat" or dtype != "float64":
        raise InputError("multi_ticker.enabled is false: one ticker is loaded as it is, without columns and dtype")
    names = requested_tickers(config, store, tickers)
    if not names:
        raise InputError("multi_ticker.enabled is false, and no ticker is configured or stored")
    if len(names) == 1:
        return names[0], None
    others = ", ".join(names[1:4]) + (" …" if len(names) > 4 else "")
    return names[0], f"multi_ticker.enabled is false: only {names[0]} is loaded, not {others}"


def load_first_ticker(
    config: Config,
    store: Store,
    fetcher: MissingDataFetcher,
    ticker: str,
    *,
    start: BoundLike,
    end: BoundLike,
    fields: str | Sequence[str] | None,
) -> tuple[pd.DataFrame, LoadResult]:
    """Load a ticker at its configured interval; its columns have no prefix."""
    began = time.monotonic()
    frame = TickerDataLoader(ticker, config, store=store, fetcher=fetcher).load_data(start, end)
    names = list(field_names(fields, frame.columns))
    for name in names:
        if name not in frame.columns:
            raise InputError(f"field {name!r} is not one of {', '.join(frame.columns)}")
    frame = frame[names]
    return frame, single_ticker_result(ticker, frame, time.monotonic() - began)
