"""Ingest of vendor files: recognised, read by layers, regrouped by ticker, cleaned, and written as answers.

Every file ends as ingested, unchanged (the same bytes were ingested before) or rejected. A rejected file leaves no rows
in the store, and the other files are ingested all the same.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.arguments import ticker_names
from mtstore.bars import BarBatch, is_daily
from mtstore.calendars import FUTURES_CALENDARS, listed_years
from mtstore.errors import InputError, SourceMismatchError
from mtstore.ingest.files.already_ingested import already_ingested, earlier_ingests
from mtstore.ingest.files.batch_to_bars import BatchBars
from mtstore.ingest.files.batches import layers
from mtstore.ingest.files.custom_input import CustomInput, as_covers
from mtstore.ingest.files.group_by_ticker import TickerGrouper
from mtstore.ingest.files.input_file import Input
from mtstore.ingest.files.open_inputs import InputOptions, open_inputs
from mtstore.ingest.files.quarantine import Quarantine
from mtstore.ingest.files.read_batch import read_batch
from mtstore.ingest.files.report import FileOutcome, IngestResult, Progress, ProgressCallback, no_progress
from mtstore.ingest.run_record import Run, start_run
from mtstore.ranges import TimeRange
from mtstore.sources.custom.column_mapping import as_mapping
from mtstore.storage.commit import source_bindings
from mtstore.storage.commit.coverage_ledger import request_key

if TYPE_CHECKING:
    from mtstore.bounds import BoundLike
    from mtstore.sources.custom.read_file import ColumnMapping
    from mtstore.storage.commit.writer import Writer
    from mtstore.storage.repository import Repository


def ingest_files(
    store: Repository,
    paths: Iterable[str | Path],
    *,
    format: str | None = None,
    source: str | None = None,
    schema: str | None = None,
    tickers: str | Iterable[str] | None = None,
    mapping: ColumnMapping | dict[str, Any] | Path | str | None = None,
    covers: TimeRange | tuple[BoundLike, BoundLike] | None = None,
    progress: ProgressCallback = no_progress,
) -> IngestResult:
    """Put vendor files into a store.

    Parameters
    ----------
    paths
        Files, folders (searched through) and globs.
    format
        `polygon-flatfile`, `dbn`, `parquet` or `csv`; recognised by content where it is None.
    source
        The source's name; by default `polygon`, or `databento-` and the dataset.
    schema
        `ohlcv-1m` …, where the format does not say.
    tickers
        Only these; flat files then cover their day for all of them, present or not.
    mapping
        How the columns of parquet or CSV files of one's own are to be read: a YAML file, or what such a file says.
    covers
        The half-open range that files of one's own speak for, or two dates, days of UTC, both included; without it they
        only add and overwrite.

    Returns
    -------
    IngestResult
        File by file; nothing is left out.

    Raises
    ------
    InputError
        No path matches, or an option cannot be right.
    StoreLockedError
        Another process wrote for longer than the timeout.
    """
    began = time.monotonic()
    wanted = _paths(paths)
    names = ticker_names(tickers)
    run = start_run("ingest", {"paths": [str(path) for path in wanted], "tickers": sorted(names or ())})
    options = InputOptions(format, source, schema, as_mapping(mapping, schema), as_covers(covers))
    opened, outcomes = open_inputs(wanted, options, progress)
    report = ingest_inputs(store, opened, outcomes, run, tickers=names, progress=progress)
    report.seconds = time.monotonic() - began
    return report


def _paths(paths: Any) -> list[Path]:
    given = list(paths) if isinstance(paths, Iterable) else [paths]
    for one in given:
        if not isinstance(one, str | PathLike):
            raise InputError(f"ingest takes paths of files, a pandas or polars DataFrame, or an Arrow table: {one!r}")
    return [Path(one) for one in given]


def ingest_inputs(
    store: Repository,
    opened: Sequence[Input],
    outcomes: list[FileOutcome],
    run: Run,
    *,
    tickers: Collection[str] | None = None,
    progress: ProgressCallback = no_progress,
) -> IngestResult:
    """Put inputs that are open into a store; `outcomes` are those that could not be opened."""
    report = IngestResult(run_id=run.run_id, files=outcomes)
    _tell_of_futures(store, [one for one in opened if isinstance(one, CustomInput)])
    fresh = _not_known(store, _well_bound(store, opened, report), tickers, report)
    with store.writer("ingest", run_id=run.run_id) as writer:
        for layer in layers(fresh):
            _ingest_layer(writer, layer, tickers, report, progress)
        _take_totals(report, writer)
        if fresh or report.rejected:
            writer.record("ingest_runs", run.row(**_summary(report)))
    report.commits = writer.totals.commits
    report.snapshot = store.layout.newest_snapshot()
    return report


def _tell_of_futures(store: Repository, own: Sequence[CustomInput]) -> None:
    """Say to files of one's own, which cannot know it, whose prices may be zero or negative."""
    if not own:
        return
    with store.connection() as connection:
        parameters = {"calendars": sorted(FUTURES_CALENDARS)}
        rows = connection.execute(sqlfiles.load("derive.tickers_of_calendars"), parameters).fetchall()
    for one in own:
        one.futures = frozenset(row[0] for row in rows)


def _well_bound(store: Repository, opened: Sequence[Input], report: IngestResult) -> list[Input]:
    """The inputs whose source's name is free or bound to the same vendor and dataset; the others are rejected."""
    with store.connection() as connection:
        bound = source_bindings.bound(connection)
    kept = []
    for one in opened:
        try:
            source_bindings.check_binding(one.binding, bound.get(one.binding.source))
        except SourceMismatchError as error:
            report.files.append(FileOutcome(str(one.path), "rejected", error=str(error)))
        else:
            bound.setdefault(one.binding.source, source_bindings.row(one.binding))
            kept.append(one)
    return kept


def _input_key(one: Input, tickers: Collection[str] | None) -> str:
    """What makes an ingest of a file the same as an earlier one."""
    named = sorted(tickers) if tickers is not None else None
    taken = {"sha256": one.sha256, "source": one.binding.source, "schema": one.schema, "tickers": named}
    if isinstance(one, CustomInput) and one.futures:
        # Once its ticker is known to be a future, a file has bars that it did not have before.
        futures = sorted(one.futures & set(one.speaks_of()) if one.speaks_of() else one.futures)
        taken |= {"futures": futures} if futures else {}
    return request_key(taken | {"request": dict(one.request())})


def _not_known(
    store: Repository, opened: Sequence[Input], tickers: Collection[str] | None, report: IngestResult
) -> list[Input]:
    """The inputs that did not go in before, or were replaced since, each once."""
    keys = [_input_key(one, tickers) for one in opened]
    passed = already_ingested(list(dict.fromkeys(keys)), earlier_ingests(store, keys))
    fresh: list[Input] = []
    for key, one in zip(keys, opened, strict=True):
        if key in passed:
            report.files.append(FileOutcome(str(one.path), "unchanged"))
        else:
            passed.add(key)
            fresh.append(one)
    return fresh


def _ingest_layer(
    writer: Writer,
    layer: Sequence[Input],
    tickers: Collection[str] | None,
    report: IngestResult,
    progress: ProgressCallback,
) -> None:
    grouper = TickerGrouper(writer.staging)
    quarantine = Quarantine(layer)
    try:
        found = read_batch(
            layer, tickers, grouper, lambda done, rows: progress(Progress("read", done, len(layer), rows))
        )
        for rejected in found.rejected:
            if rejected.file_index not in found.broken:
                quarantine.reject(rejected)
        answers = BatchBars(layer, found, tickers, quarantine)
        names = answers.tickers()
        rows = 0
        for number, ticker in enumerate(names, start=1):
            answer = answers.answer(ticker)
            if answer is not None:
                writer.add(answer)
                rows += answer.bars.num_rows
                sessionless = _count_sessionless(answer)
                if sessionless:
                    report.sessionless[ticker] = report.sessionless.get(ticker, 0) + sessionless
            progress(Progress("write", number, len(names), rows, number))
        for answer in quarantine.answers():
            writer.add(answer)
    finally:
        grouper.close()
    report.collapsed_rows += answers.collapsed
    for place, one in enumerate(layer):
        broken = found.broken.get(place)
        if broken is not None:
            report.files.append(FileOutcome(str(one.path), "rejected", error=str(broken)))
        else:
            report.files.append(FileOutcome(str(one.path), "ingested", rows=found.rows[place]))
            writer.record("inputs", _input_row(one, tickers, writer.run_id) | answers.extents.row(place))


def _count_sessionless(answer: BarBatch) -> int:
    """How many bars lie beyond the dates for which calendars list sessions; a daily bar has its own date."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_daily(answer.schema) or answer.bars.num_rows == 0:
        return 0
    first, last = listed_years()
    stamps = answer.bars["ts_event"]
    start, end = (
        pa.scalar(datetime.combine(day, datetime.min.time(), UTC), stamps.type)
        for day in (first, last + timedelta(days=1))
    )
    outside = pc.or_(pc.less(stamps, start), pc.greater_equal(stamps, end))
    return int(pc.sum(outside).as_py())


def _input_row(one: Input, tickers: Collection[str] | None, run_id: str) -> dict[str, Any]:
    return {
        "input_key": _input_key(one, tickers),
        "sha256": one.sha256,
        "name": one.path.name,
        "byte_size": one.byte_size,
        "source": one.binding.source,
        "schema": one.schema,
        "run_id": run_id,
        "ingested_at": datetime.now(UTC),
    }


def _take_totals(report: IngestResult, writer: Writer) -> None:
    report.tickers = len(writer.totals.tickers)
    report.rows = writer.totals.rows
    report.quarantined_rows = writer.totals.quarantined_rows


def _summary(report: IngestResult) -> dict[str, Any]:
    went_in = sum(outcome.status == "ingested" for outcome in report.files)
    status = "complete" if report.is_complete else "incomplete" if went_in else "failed"
    errors = "; ".join(str(outcome.error) for outcome in report.rejected[:10])
    return {
        "status": status,
        "tickers": report.tickers,
        "files": went_in,
        "rows": report.rows,
        "quarantined_rows": report.quarantined_rows,
        "error": errors or None,
    }
