"""Ingest files of splits and dividends; a file is taken whole or rejected, the same bytes again change nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mtstore import sqlfiles
from mtstore.errors import BrokenFileError
from mtstore.ingest.files.already_ingested import already_ingested, earlier_ingests
from mtstore.ingest.files.inputs.input_extent import extent_row
from mtstore.ingest.files.report import FileOutcome, IngestResult
from mtstore.ingest.refused_dividends import refused_dividends
from mtstore.ingest.run_record import start_run
from mtstore.ranges import US_PER_DAY, TimeRange, midnight_us
from mtstore.sources.custom.splits_and_dividends import Kind, read_reference_file
from mtstore.storage.commit.coverage_ledger import request_key

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository

DEFAULT_SOURCE = "polygon"
_DAY: Final[Mapping[Kind, str]] = {"splits": "execution_date", "dividends": "ex_dividend_date"}


def ingest_references(
    store: Repository,
    *,
    splits: Iterable[str | Path] = (),
    dividends: Iterable[str | Path] = (),
    source: str = DEFAULT_SOURCE,
) -> IngestResult:
    """Write files of splits and dividends into a store's tables.

    A later report of the same event of a source replaces the earlier one: an event is known by its id, without one by
    all of its values. Several events on one date all count.
    `mtstore.sources.custom.splits_and_dividends` describes the files.

    Parameters
    ----------
    splits, dividends
        Paths of CSV files, or of Polygon's responses as JSON.
    source
        The source's name.

    Returns
    -------
    IngestResult
        The outcome of every file; `rows` counts events.
    """
    paths: dict[Kind, list[Path]] = {
        "splits": [Path(one) for one in splits],
        "dividends": [Path(one) for one in dividends],
    }
    run = start_run("references", {kind: [str(path) for path in given] for kind, given in paths.items()})
    result = IngestResult(run_id=run.run_id)
    opened = list(_open(paths, result, source, run.run_id))
    keys = [input_row["input_key"] for *_, input_row in opened]
    skipped = already_ingested(keys, earlier_ingests(store, keys))
    tickers: set[str] = set()
    dividend_tickers: set[str] = set()
    with store.writer("references", run_id=run.run_id) as writer:
        seen_at = datetime.now(UTC)
        for kind, path, rows, input_row in opened:
            if input_row["input_key"] in skipped:
                result.files.append(FileOutcome(str(path), "unchanged"))
                continue
            skipped.add(input_row["input_key"])
            for row in rows:
                writer.record(kind, {**row, "source": source, "seen_at": seen_at})
                tickers.add(row["ticker"])
                if kind == "dividends":
                    dividend_tickers.add(row["ticker"])
            writer.record("inputs", input_row | {"ingested_at": seen_at})
            result.files.append(FileOutcome(str(path), "ingested", rows=len(rows)))
            result.rows += len(rows)
        result.tickers = len(tickers)
        if any(outcome.status != "unchanged" for outcome in result.files):
            writer.record("ingest_runs", result.run_row(run))
    if tickers:
        result.notes += _events_beside_others(store, source, seen_at)
    result.notes += [f"{ticker}: {reason}" for ticker, reason in refused_dividends(store, dividend_tickers)]
    result.commits = writer.totals.commits
    result.snapshot = store.layout.newest_snapshot()
    result.seconds = run.seconds()
    return result


def _events_beside_others(store: Repository, source: str, seen_at: datetime) -> list[str]:
    """Describe the dates whose events may be a correction that did not replace what it corrects."""
    with store.connection() as connection:
        parameters = {"source": source, "seen_at": seen_at}
        found = connection.execute(sqlfiles.load("ingest.events_beside_others"), parameters).fetchall()
    return [
        f"{ticker} has {events} {kind}s on {day}, from several files and without an event_id, and all of them count; "
        "if one corrects another, undo the run that brought the wrong one (mtstore undo)"
        for kind, ticker, day, events in found
    ]


def _open(
    paths: Mapping[Kind, Sequence[Path]], result: IngestResult, source: str, run_id: str
) -> Iterator[tuple[Kind, Path, list[dict[str, Any]], dict[str, Any]]]:
    """Yield each file's kind, path, rows and row of `inputs`; reject those that cannot be read."""
    for kind, given in paths.items():
        for path in given:
            try:
                rows = read_reference_file(path, kind)
            except BrokenFileError as error:
                result.files.append(FileOutcome(str(path), "rejected", error=str(error)))
            else:
                yield kind, path, rows, _input_row(path, kind, rows, source, run_id)


def _input_row(path: Path, kind: Kind, rows: Sequence[Mapping[str, Any]], source: str, run_id: str) -> dict[str, Any]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    days = [midnight_us(row[_DAY[kind]]) for row in rows]
    return {
        "input_key": request_key({"reference file": kind, "sha256": digest, "source": source}),
        "sha256": digest,
        "name": path.name,
        "byte_size": len(content),
        "source": source,
        "schema": kind,
        "run_id": run_id,
        **extent_row({row["ticker"] for row in rows}, TimeRange(min(days), max(days) + US_PER_DAY) if days else None),
    }
