"""Read one ticker's bars, not aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore.loader.load.missing_data import describe_missing, missing_ranges
from mtstore.query.fast.single_ticker import ticker_frame
from mtstore.query.snapshot.refused_dividends import describe_refused_dividends

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.config import Config
    from mtstore.loader.load.fetch_missing import FetchOutcome, FoundWarning
    from mtstore.query.request.request import SeriesRequest
    from mtstore.query.snapshot.store_facts import StoreFacts
    from mtstore.storage.repository import Repository


def read_ticker(
    facts: StoreFacts, store: Repository, config: Config, call: SeriesRequest, fetched: FetchOutcome
) -> tuple[pd.DataFrame, list[FoundWarning]]:
    """Return a ticker's bars, and warnings about its ranges and dividends; errors as `describe_missing`."""
    missing = describe_missing(facts, config, store.path, call, missing_ranges(facts, call, fetched))
    frame = ticker_frame(facts, call)
    store.last_used.record(call.tickers or (), *call.bounds.covering_us())
    texts = (missing, describe_refused_dividends(facts, call))
    return frame, [(text, UserWarning) for text in texts if text is not None]
