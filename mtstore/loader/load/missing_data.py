"""Find and describe requested ranges that were never fetched, and sources without bars."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.arguments import first_few
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import MissingDataError
from mtstore.loader.load.fetch_missing import FetchOutcome
from mtstore.query.snapshot.uncovered import describe_ranges, tickers_without_coverage, uncovered_ranges
from mtstore.ranges import TimeRange, intersect, subtract

if TYPE_CHECKING:
    from pathlib import Path

    from mtstore.config import Config
    from mtstore.query.request.request import SeriesRequest
    from mtstore.query.snapshot.store_facts import StoreFacts


def missing_ranges(facts: StoreFacts, call: SeriesRequest, fetched: FetchOutcome) -> dict[str, tuple[TimeRange, ...]]:
    """Return the uncovered ranges by ticker, less those that the fetch has reported already."""
    found = uncovered_ranges(facts, call, call.tickers or (), datetime.now(UTC))
    if not found or not fetched.tickers:
        return found
    series = fetch_rows(facts.connection, sqlfiles.load("request.series"), call.series_parameters())
    stored = {row["ticker"] for row in series if row["source"] is not None}
    left = {
        ticker: subtract(ranges, fetched.already_reported(ticker, is_stored=ticker in stored))
        for ticker, ranges in found.items()
        if not fetched.is_skipped(ticker)
    }
    return {ticker: ranges for ticker, ranges in left.items() if ranges}


def describe_missing(
    facts: StoreFacts,
    config: Config,
    store_path: Path,
    call: SeriesRequest,
    missing: Mapping[str, tuple[TimeRange, ...]],
) -> str | None:
    """Return a warning that lists the uncovered ranges, if any; MissingDataError if `on_missing` is `raise`."""
    if not missing:
        return None
    text = (
        f"{store_path} does not cover {call.bounds} for {len(missing)} of {len(call.tickers or ())} tickers: "
        f"{describe_ranges(missing, call.tz)}"
    )
    names = tickers_without_coverage(facts, missing)
    if names:
        text += (
            f"; bars of {first_few(names)} are stored, but were ingested without 'covers', the ranges that they are "
            "complete for"
        )
    failures = _failures(facts, missing)
    if failures:
        text += f"; the last request for them failed: {first_few(failures, joint='; ')}"
    if config.multi_ticker.on_missing == "raise":
        raise MissingDataError(f"{text}; ingest them, or set on_missing: warn (mtstore load: --on-missing warn)")
    return text


def _failures(facts: StoreFacts, missing: Mapping[str, tuple[TimeRange, ...]]) -> list[str]:
    """Return the newest reason for each ticker whose missing ranges a source did not give."""
    found: dict[str, str] = {}
    for row in facts.rows("store_facts.failed_ranges", {"tickers": list(missing)}):
        failed = (TimeRange(row["start_us"], row["end_us"]),)
        if row["ticker"] not in found and intersect(missing[row["ticker"]], failed):
            found[row["ticker"]] = row["reason"] or "without a reason"
    tickers: dict[str, list[str]] = {}
    for ticker in missing:
        if ticker in found:
            tickers.setdefault(found[ticker], []).append(ticker)
    return [f"{first_few(names)}: {reason}" for reason, names in tickers.items()]


def other_sources(facts: StoreFacts, config: Config, tickers: Collection[str]) -> Iterator[str]:
    """Yield a warning per configured source without bars, about the tickers that are read from another one."""
    configured = {name: source for name in tickers if (source := config.ticker(name).data_source) is not None}
    if not configured:
        return
    rows = facts.rows("overlay.ticker_facts", {"tickers": list(configured)})
    stored = {row["ticker"]: row["source_names"] for row in rows if row["source_count"]}
    others = [name for name in configured if name in stored and configured[name] not in stored[name]]
    for source in dict.fromkeys(configured[name] for name in others):
        names = [name for name in others if configured[name] == source]
        instead = ", ".join(sorted({one for name in names for one in stored[name]}))
        yield f"data_source {source!r} has no bars of {first_few(names)}: bars of {instead} are read"
