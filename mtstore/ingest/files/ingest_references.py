"""Ingest of files of splits and dividends: all or nothing of a file, the same bytes again are a no-op."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from mtstore.errors import BrokenFileError
from mtstore.ingest.files.already_ingested import already_ingested, earlier_ingests
from mtstore.ingest.files.input_extent import extent_row
from mtstore.ingest.files.report import FileOutcome, IngestResult
from mtstore.ingest.run_record import start_run
from mtstore.ranges import US_PER_DAY, TimeRange
from mtstore.sources.bar_grid import midnight_us
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
    """Put files of splits and dividends into a store's tables.

    A later report of the same event (ticker and date, for dividends also the kind) replaces the earlier one. See
    `mtstore.sources.custom.splits_and_dividends` for what the files look like.

    Parameters
    ----------
    splits, dividends
        Paths of CSV files, or of Polygon's answers as JSON.
    source
        Whose word it is.

    Returns
    -------
    IngestResult
        File by file; `rows` counts events.
    """
    began = time.monotonic()
    given: dict[Kind, list[Path]] = {
        "splits": [Path(one) for one in splits],
        "dividends": [Path(one) for one in dividends],
    }
    run = start_run("references", {kind: [str(path) for path in paths] for kind, paths in given.items()})
    report = IngestResult(run_id=run.run_id)
    opened, rejected = _open(given, source, run.run_id)
    report.files += rejected
    keys = list(dict.fromkeys(note["input_key"] for *_, note in opened))
    passed = already_ingested(keys, earlier_ingests(store, keys))
    tickers: set[str] = set()
    with store.writer("references", run_id=run.run_id) as writer:
        seen_at = datetime.now(UTC)
        for kind, path, rows, note in opened:
            if note["input_key"] in passed:
                report.files.append(FileOutcome(str(path), "unchanged"))
                continue
            passed.add(note["input_key"])
            for row in rows:
                writer.record(kind, {**row, "source": source, "seen_at": seen_at})
                tickers.add(row["ticker"])
            writer.record("inputs", note | {"ingested_at": seen_at})
            report.files.append(FileOutcome(str(path), "ingested", rows=len(rows)))
            report.rows += len(rows)
        report.tickers = len(tickers)
        went_in = sum(outcome.status == "ingested" for outcome in report.files)
        if went_in or report.rejected:
            writer.record(
                "ingest_runs",
                run.row(
                    status="complete" if report.is_complete else "incomplete" if went_in else "failed",
                    tickers=report.tickers,
                    files=went_in,
                    rows=report.rows,
                    quarantined_rows=0,
                    error="; ".join(str(outcome.error) for outcome in report.rejected) or None,
                ),
            )
    report.commits = writer.totals.commits
    report.snapshot = store.layout.newest_snapshot()
    report.seconds = time.monotonic() - began
    return report


def _open(
    given: Mapping[Kind, Sequence[Path]], source: str, run_id: str
) -> tuple[list[tuple[Kind, Path, list[dict[str, Any]], dict[str, Any]]], list[FileOutcome]]:
    """Each file with its rows and its row in `inputs`; and those that cannot be read."""
    opened, rejected = [], []
    for kind in get_args(Kind):
        for path in given[kind]:
            try:
                rows = read_reference_file(path, kind)
            except BrokenFileError as error:
                rejected.append(FileOutcome(str(path), "rejected", error=str(error)))
            else:
                opened.append((kind, path, rows, _input_row(path, kind, rows, source, run_id)))
    return opened, rejected


def _input_row(path: Path, kind: Kind, rows: Sequence[Mapping[str, Any]], source: str, run_id: str) -> dict[str, Any]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    days = [midnight_us(row[_DAY[kind]], "UTC") for row in rows]
    span = TimeRange(min(days), max(days) + US_PER_DAY) if days else None
    return {
        "input_key": request_key({"reference file": kind, "sha256": digest, "source": source}),
        "sha256": digest,
        "name": path.name,
        "byte_size": len(content),
        "source": source,
        "schema": kind,
        "run_id": run_id,
        **extent_row({row["ticker"] for row in rows}, span),
    }
