"""Read one ticker's bars, not aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore.loader.load.missing_data import describe_missing, missing_ranges
from mtstore.query.fast.single_ticker import ticker_frame

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
    """Return a ticker's bars, and a warning that lists uncovered ranges, if any; errors as `describe_missing`."""
    missing = describe_missing(facts, config, store.path, call, missing_ranges(facts, call, fetched))
    frame = ticker_frame(facts, call)
    store.last_used.record(call.tickers or (), *call.bounds.covering_us())
    return frame, [] if missing is None else [(missing, UserWarning)]
