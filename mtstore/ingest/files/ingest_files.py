"""Ingest files: detect formats, read batches, group by ticker, check the bars, write them.

Every file ends as ingested, unchanged (the same bytes were ingested before) or rejected. A rejected file leaves no rows
in the store, and the other files are ingested all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.arguments import ticker_name, ticker_names
from mtstore.bars import BarBatch, is_daily
from mtstore.calendars import listed_years
from mtstore.errors import InputError, SourceMismatchError
from mtstore.infer_calendar import FUTURES_CALENDARS, TickerCalendar
from mtstore.ingest.files.already_ingested import already_ingested, earlier_ingests, input_key
from mtstore.ingest.files.batch_to_bars import BatchBars
from mtstore.ingest.files.batches import in_batches
from mtstore.ingest.files.checks.bar_width import check_widths
from mtstore.ingest.files.checks.conflicts import find_conflicts
from mtstore.ingest.files.checks.mapping_notes import mapping_notes
from mtstore.ingest.files.checks.sessions import SessionCheck, intraday_rows, stored_calendars
from mtstore.ingest.files.earlier_readings import earlier_readings, withdraw
from mtstore.ingest.files.group_by_ticker import TickerGrouper
from mtstore.ingest.files.inputs.custom_input import CustomInput, check_covers
from mtstore.ingest.files.inputs.input_file import Input
from mtstore.ingest.files.inputs.open_inputs import InputOptions, open_inputs
from mtstore.ingest.files.quarantine import Quarantine
from mtstore.ingest.files.read_batch import read_batch
from mtstore.ingest.files.report import FileOutcome, IngestResult, Progress, ProgressCallback, no_progress
from mtstore.ingest.pair_spellings import spelling_notes, stored_pairs
from mtstore.ingest.run_record import Run, start_run
from mtstore.ranges import midnight_us
from mtstore.sources.custom.mapping.parse_mapping import as_mapping
from mtstore.storage.commit import source_bindings

if TYPE_CHECKING:
    from mtstore.ingest.files.inputs.custom_input import Covers
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
    ticker: str | None = None,
    tz: str | None = None,
    mapping: ColumnMapping | dict[str, Any] | Path | str | None = None,
    covers: Covers | None = None,
    progress: ProgressCallback = no_progress,
) -> IngestResult:
    """Write the bars of files into a store.

    Parameters
    ----------
    paths
        Files, folders (searched recursively) and globs.
    format
        `polygon-flatfile`, `dbn`, `parquet` or `csv`; detected from the content if None.
    source
        The source's name; by default `polygon`, `databento-` and the dataset, or `own`.
    schema
        `ohlcv-1m` …, where the format does not say.
    tickers
        Only these; flat files then cover their day for all of them, present or not.
    ticker, tz
        The ticker of all rows and the zone of times without one, where the mapping of custom files does not say.
    mapping
        How to read the columns of custom parquet or CSV files: the path of a YAML file, or its content.
    covers
        The range for which custom files are the whole answer, so that stored bars there that they do not have are
        withdrawn: half-open, two dates (days of the mapping's `tz`, both included), or `auto`, the time from each
        ticker's first bar to the end of its last. None: that time counts as covered, and nothing is withdrawn.

    Returns
    -------
    IngestResult
        The outcome of every file.

    Raises
    ------
    InputError
        No path matches, or an argument is not valid.
    StoreLockedError
        Another process held the write lock for longer than the timeout.
    """
    found = _paths(paths)
    names = ticker_names(tickers)
    if ticker is not None:
        ticker_name(ticker)
    options = InputOptions(format, source, schema, ticker, tz, as_mapping(mapping, schema), check_covers(covers))
    arguments = {"paths": [str(path) for path in found], "tickers": sorted(names or ()), "options": options.to_json()}
    run = start_run("ingest", arguments)
    opened, rejected = open_inputs(found, options, progress)
    return ingest_inputs(store, opened, rejected, run, tickers=names, progress=progress)


def _paths(paths: Any) -> list[Path]:
    given = list(paths) if isinstance(paths, Iterable) else [paths]
    for one in given:
        if not isinstance(one, str | PathLike):
            raise InputError(f"ingest takes paths of files, a pandas or polars DataFrame, or an Arrow table: {one!r}")
    return [Path(one) for one in given]


def ingest_inputs(
    store: Repository,
    opened: Sequence[Input],
    rejected: list[FileOutcome],
    run: Run,
    *,
    tickers: Collection[str] | None = None,
    progress: ProgressCallback = no_progress,
) -> IngestResult:
    """Write open inputs into a store; `rejected` are the files that could not be opened."""
    result = IngestResult(run_id=run.run_id, files=rejected)
    custom = [one for one in opened if isinstance(one, CustomInput)]
    calendars = _set_calendars(store, opened)
    result.coverage = custom[0].coverage if custom else None
    result.notes += mapping_notes(custom)
    valid = _with_valid_binding(store, opened, result)
    new = _new_inputs(store, valid, tickers, result)
    replaced = list(earlier_readings(store, valid)) if tickers is None else []
    reread = {one.now.path for one in replaced}
    reread_rows = []
    pairs = stored_pairs(store)
    with store.connection() as connection:
        sessions = SessionCheck(store.connection, calendars, intraday_rows(connection))
    with store.writer("ingest", run_id=run.run_id) as writer:
        for batch in in_batches(new):
            for one, row in _ingest_batch(writer, batch, tickers, result, progress=progress, sessions=sessions):
                if one.path in reread:
                    reread_rows.append(row)
                else:
                    writer.record("inputs", row)
        result.notes += sessions.notes()
        for row in sessions.rows():
            writer.record("observed_calendars", row)
        result.tickers = len(writer.totals.tickers)
        result.notes += spelling_notes(pairs, writer.totals.tickers).values()
        result.rows = writer.totals.rows
        result.quarantined_rows = writer.totals.quarantined_rows
        refused = {one.path for one in result.rejected}
        replaced = [one for one in replaced if str(one.now.path) not in refused]
        result.notes += withdraw(store, writer, replaced)
        # Only now, in the run's last commit: after a kill these files are read again, and the first reading goes then.
        for row in reread_rows:
            writer.record("inputs", row)
        if new or replaced or result.rejected:
            writer.record("ingest_runs", result.run_row(run))
    result.commits = writer.totals.commits
    result.snapshot = store.layout.newest_snapshot()
    result.seconds = run.seconds()
    return result


def _set_calendars(store: Repository, inputs: Sequence[Input]) -> dict[str, TickerCalendar]:
    """Let inputs know the calendars of the store's tickers, and which of these are futures; return the calendars."""
    with store.connection() as connection:
        parameters = {"calendars": sorted(FUTURES_CALENDARS)}
        rows = connection.execute(sqlfiles.load("derive.tickers_of_calendars"), parameters).fetchall()
        calendars = stored_calendars(connection)
    futures = frozenset(row[0] for row in rows)
    for one in inputs:
        one.calendars = calendars
        if isinstance(one, CustomInput):
            one.futures = futures
    return calendars


def _with_valid_binding(store: Repository, opened: Sequence[Input], result: IngestResult) -> list[Input]:
    """Return the inputs whose source name is free or bound to their vendor and dataset; reject the others."""
    with store.connection() as connection:
        bound = source_bindings.bound(connection)
    valid = []
    for one in opened:
        try:
            source_bindings.check_binding(one.binding, bound.get(one.binding.source))
        except SourceMismatchError as error:
            result.files.append(FileOutcome(str(one.path), "rejected", error=str(error)))
        else:
            bound.setdefault(one.binding.source, source_bindings.row(one.binding))
            valid.append(one)
    return valid


def _new_inputs(
    store: Repository, opened: Sequence[Input], tickers: Collection[str] | None, result: IngestResult
) -> list[Input]:
    """Return the inputs that were not ingested before, or were replaced since, each once."""
    keys = [input_key(one, tickers) for one in opened]
    skipped = already_ingested(keys, earlier_ingests(store, keys))
    # Custom files that withdraw are one answer: without those that are skipped, a new one would withdraw their bars.
    new_answers = {_answer(one) for key, one in zip(keys, opened, strict=True) if key not in skipped}
    skipped -= {key for key, one in zip(keys, opened, strict=True) if _is_part_of(one, new_answers)}
    new: list[Input] = []
    for key, one in zip(keys, opened, strict=True):
        if key in skipped:
            result.files.append(FileOutcome(str(one.path), "unchanged"))
        else:
            skipped.add(key)
            new.append(one)
    return new


def _answer(one: Input) -> tuple[object, ...]:
    return one.binding, one.schema, one.span


def _is_part_of(one: Input, answers: set[tuple[object, ...]]) -> bool:
    return one.is_custom and one.withdraws and _answer(one) in answers


def _ingest_batch(
    writer: Writer,
    batch: Sequence[Input],
    tickers: Collection[str] | None,
    result: IngestResult,
    *,
    sessions: SessionCheck,
    progress: ProgressCallback,
) -> list[tuple[Input, dict[str, Any]]]:
    """Write the bars of some inputs; return those that were ingested, each with its row of `core.inputs`."""
    grouper = TickerGrouper(writer.staging)
    quarantine = Quarantine(batch)
    try:
        found = read_batch(
            batch, tickers, grouper, lambda done, rows: progress(Progress("read", done, len(batch), rows))
        )
        widths = check_widths(batch, found)
        found.broken |= widths.broken
        result.notes += widths.notes
        found.broken |= find_conflicts(batch, found)
        for rejected in found.rejected:
            if rejected.file_index not in found.broken:
                quarantine.reject(rejected)
        batch_bars = BatchBars(batch, found, tickers, quarantine)
        names = batch_bars.tickers()
        rows = 0
        for number, ticker in enumerate(names, start=1):
            bars = batch_bars.bars_of(ticker)
            if bars is not None:
                writer.add(bars)
                sessions.add(bars, _zone_in_question(batch, bars))
                rows += bars.bars.num_rows
                sessionless = _count_sessionless(bars)
                if sessionless:
                    result.sessionless[ticker] = result.sessionless.get(ticker, 0) + sessionless
            progress(Progress("write", number, len(names), rows, number))
        for quarantined in quarantine.bar_batches():
            writer.add(quarantined)
            result.add_quarantined(quarantined)
    finally:
        grouper.close()
    result.collapsed_rows += batch_bars.collapsed
    ingested = []
    for place, one in enumerate(batch):
        broken = found.broken.get(place)
        if broken is not None:
            result.files.append(FileOutcome(str(one.path), "rejected", error=str(broken)))
        else:
            result.files.append(FileOutcome(str(one.path), "ingested", rows=found.rows[place]))
            ingested.append((one, _input_row(one, tickers, writer.run_id) | batch_bars.extents.row(place)))
    return ingested


def _zone_in_question(batch: Sequence[Input], bars: BarBatch) -> str | None:
    """Return the zone in which dates and times without a zone of their own were read; None if they have one."""
    is_read = any(isinstance(one, CustomInput) and (one.has_naive_times or is_daily(one.schema)) for one in batch)
    return bars.day_tz if is_read else None


def _count_sessionless(bars: BarBatch) -> int:
    """Count the intraday bars outside of the years for which calendars list sessions."""
    if is_daily(bars.schema):
        return 0
    first, last = listed_years()
    stamps = bars.bars["ts_event"].cast("int64").to_numpy()
    return int(((stamps < midnight_us(first)) | (stamps >= midnight_us(last + timedelta(days=1)))).sum())


def _input_row(one: Input, tickers: Collection[str] | None, run_id: str) -> dict[str, Any]:
    return {
        "input_key": input_key(one, tickers),
        "sha256": one.sha256,
        "name": one.path.name,
        "byte_size": one.byte_size,
        "source": one.binding.source,
        "schema": one.schema,
        "run_id": run_id,
        "ingested_at": datetime.now(UTC),
    }
