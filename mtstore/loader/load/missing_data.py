"""What a call lacks in the store that it reads: ranges that nobody asked for, and the source that was wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import MissingDataError
from mtstore.loader.load.fetch_missing import FetchOutcome
from mtstore.query.snapshot.uncovered import describe_ranges, tickers_without_coverage, uncovered_ranges
from mtstore.ranges import subtract

if TYPE_CHECKING:
    from pathlib import Path

    from mtstore.config import Config
    from mtstore.query.request.request import SeriesRequest
    from mtstore.query.snapshot.store_facts import StoreFacts
    from mtstore.ranges import TimeRange


def missing_ranges(facts: StoreFacts, call: SeriesRequest, fetched: FetchOutcome) -> dict[str, tuple[TimeRange, ...]]:
    """What the store does not cover of a call, less what fetching has told of already and what nobody has yet."""
    found = uncovered_ranges(facts, call, call.tickers or (), datetime.now(UTC))
    if not found or not fetched.tickers:
        return found
    series = fetch_rows(facts.connection, sqlfiles.load("request.series"), call.series_parameters())
    stored = {row["ticker"] for row in series if row["source"] is not None}
    left = {
        ticker: subtract(ranges, fetched.excused(ticker, is_stored=ticker in stored))
        for ticker, ranges in found.items()
        if not fetched.is_skipped(ticker)
    }
    return {ticker: ranges for ticker, ranges in left.items() if ranges}


def missing_sentence(
    facts: StoreFacts,
    config: Config,
    store_path: Path,
    call: SeriesRequest,
    missing: Mapping[str, tuple[TimeRange, ...]],
) -> str | None:
    """What the store does not cover of a call, to be warned of; None if it covers everything.

    Raises
    ------
    MissingDataError
        It does not, and `on_missing` is `raise`.
    """
    if not missing:
        return None
    text = (
        f"{store_path} does not cover {call.bounds} for {len(missing)} of {len(call.tickers or ())} tickers: "
        f"{describe_ranges(missing, call.tz)}"
    )
    names = tickers_without_coverage(facts, missing)
    if names:
        few = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        text += f"; bars of {few} are stored, but came without 'covers', which says where they are all there is"
    if config.multi_ticker.on_missing == "raise":
        raise MissingDataError(f"{text}; ingest them, or set on_missing: warn")
    return text


def other_sources(facts: StoreFacts, config: Config, tickers: Collection[str]) -> Iterator[str]:
    """Sentences about tickers whose configured source has nothing stored, so that the only other one is read."""
    wanted = {name: source for name in tickers if (source := config.ticker(name).data_source) is not None}
    if not wanted:
        return
    rows = facts.rows("overlay.ticker_facts", {"tickers": list(wanted)})
    stored = {row["ticker"]: row["source_names"] for row in rows if row["source_count"]}
    strayed = [name for name in wanted if name in stored and wanted[name] not in stored[name]]
    for source in dict.fromkeys(wanted[name] for name in strayed):
        names = [name for name in strayed if wanted[name] == source]
        few = ", ".join(names[:5]) + (f" and {len(names) - 5} more tickers" if len(names) > 5 else "")
        instead = ", ".join(sorted({one for name in names for one in stored[name]}))
        yield f"nothing of data_source {source!r} is stored of {few}: bars of {instead} are read"
