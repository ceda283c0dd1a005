"""Compare the bars of a cached frame with the sessions of their calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore.bars import is_daily
from mtstore.ingest.files.checks.sessions import SessionCheck
from mtstore.loader.frames.read_times import has_naive_times

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.bars import BarBatch
    from mtstore.config import Config
    from mtstore.storage.repository import Repository


def session_notes(store: Repository, config: Config, batch: BarBatch, frame: pd.DataFrame) -> list[str]:
    """Return what seems wrong with the times of bars, or with their calendar, as sentences."""
    entry = config.ticker(batch.ticker)
    if entry.session_start is not None or entry.session_end is not None:
        return []
    zone = None
    if is_daily(batch.schema):
        zone = batch.day_tz
    elif has_naive_times(frame, repr(batch.ticker)):
        zone = config.multi_ticker.alignment.timezone
    check = SessionCheck(store.connection)
    check.add(batch, zone, entry.calendar)
    return list(check.notes())
