"""Compare the bars of a cached frame with the sessions of their calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore.bars import is_daily
from mtstore.ingest.files.checks.sessions import SessionCheck, intraday_rows
from mtstore.loader.cache.choose_series import ticker_calendar
from mtstore.loader.frames.read_times import has_naive_times

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.bars import BarBatch
    from mtstore.config import Config
    from mtstore.storage.repository import Repository


def check_sessions(store: Repository, config: Config, batch: BarBatch, frame: pd.DataFrame) -> SessionCheck:
    """Compare bars with the sessions of their calendar; the result has notes, and the calendar that the bars decide."""
    zone = None
    if is_daily(batch.schema):
        zone = batch.day_tz
    elif has_naive_times(frame, repr(batch.ticker)):
        zone = config.multi_ticker.alignment.timezone
    with store.connection() as connection:
        calendar = ticker_calendar(connection, config, batch.ticker, batch.binding)
        check = SessionCheck(store.connection, {batch.ticker: calendar}, intraday_rows(connection))
    check.add(batch, zone)
    return check
