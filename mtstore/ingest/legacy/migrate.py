"""Migration: caches that came before the store, and folders of per-ticker files, into a store; they stay as they are.

Every file goes through ingest, so that running it twice changes nothing. Afterwards the rows are counted: what the
files hold, the later ones over the earlier, must stand in the store, but for rows that were quarantined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mtstore import sqlfiles
from mtstore.bounds import parse_zone
from mtstore.errors import IngestError, InputError
from mtstore.ingest.files.batches import layers
from mtstore.ingest.files.custom_input import DEFAULT_SOURCE, CustomInput
from mtstore.ingest.files.ingest_files import ingest_inputs
from mtstore.ingest.files.report import FileOutcome, IngestResult, ProgressCallback, no_progress
from mtstore.ingest.legacy.cache_layouts import CacheFile, find_cache_files
from mtstore.ingest.legacy.read_cache_files import CachedBars, inspect_cache, to_inputs
from mtstore.ingest.run_record import start_run
from mtstore.storage.settings.ticker_metadata import merge_metadata

if TYPE_CHECKING:
    import numpy as np

    from mtstore.storage.repository import Repository

DEFAULT_TZ = "America/New_York"


@dataclass(slots=True)
class TickerMigration:
    """One ticker's bars of one schema.

    Attributes
    ----------
    rows_in_files
        All rows of all files.
    rows_expected
        Bars that must stand in the store: rows of one instant count once, later files hold over earlier ones.
    rows_stored
        How many of them do.
    rows_quarantined
        How many of them are in the view `quarantine` instead.
    """

    ticker: str
    schema: str
    layout: str
    files: int
    rows_in_files: int
    rows_expected: int
    rows_stored: int = 0
    rows_quarantined: int = 0

    @property
    def is_verified(self) -> bool:
        """Whether every bar is accounted for."""
        return self.rows_stored + self.rows_quarantined >= self.rows_expected


@dataclass(slots=True)
class MigrationResult:
    """What a migration did, or would do.

    Attributes
    ----------
    rejected
        Files that cannot be read, each with the reason.
    unknown
        Files that are none of the old caches'.
    metadata
        Tickers whose metadata was found.
    ingest
        The run of ingest; None for a dry run.
    """

    tickers: list[TickerMigration] = field(default_factory=list)
    rejected: list[FileOutcome] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    metadata: list[str] = field(default_factory=list)
    ingest: IngestResult | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every file was taken and every bar is accounted for (of a dry run: whether every file can be)."""
        return not self.rejected and (self.ingest is None or all(one.is_verified for one in self.tickers))


@dataclass(slots=True)
class _Ticker:
    """One ticker's files, ready to go in."""

    inputs: list[CustomInput]
    looked: list[CachedBars]


def migrate(
    store: Repository | None,
    path: Path,
    *,
    source: str | None = None,
    schema: str | None = None,
    tz: str = DEFAULT_TZ,
    progress: ProgressCallback = no_progress,
) -> MigrationResult:
    """Take what lies under `path` into `store`; without a store, say what would be done.

    Parameters
    ----------
    path
        A folder of an old cache (see `mtstore.ingest.legacy.cache_layouts`) or of files `TICKER.csv` and
        `TICKER.parquet`, or one such file. Nothing there is changed.
    source
        The name under which the bars are stored, `own` by default.
    schema
        What all bars are; None takes what names say, else what the times of all of a ticker's rows tell.
    tz
        IANA zone of times without one, and of the days in names.

    Raises
    ------
    InputError
        There is nothing at `path`, or a name there says what cannot be.
    StoreLockedError
        Another process wrote for longer than the timeout.
    """
    tz = parse_zone(tz).key
    found = find_cache_files(path)
    report = MigrationResult(unknown=[str(one) for one in found.unknown])
    ready = list(_prepare(found.bars, report, tz=tz, schema=schema, source=source))
    metadata = _metadata(found.side, {one.ticker for one in found.bars}, report)
    for one in ready:
        report.tickers += _counted(one)
    if store is None:
        return report
    run = start_run("migrate", {"path": str(path), "tz": tz})
    inputs = [opened for one in ready for opened in one.inputs]
    report.ingest = ingest_inputs(store, inputs, [], run, progress=progress)
    report.rejected += report.ingest.rejected
    if metadata:
        merge_metadata(store, metadata)
    for place in report.tickers:
        _verify(store, place, _expected(ready, place), source or DEFAULT_SOURCE)
    return report


def _prepare(
    files: Sequence[CacheFile], report: MigrationResult, *, tz: str, schema: str | None, source: str | None
) -> Iterator[_Ticker]:
    """Each ticker's files as inputs; those that cannot be read are rejected."""
    for _, group in groupby(files, key=lambda one: one.ticker):
        looked = []
        for one in group:
            try:
                looked.append(inspect_cache(one, tz))
            except (IngestError, InputError) as error:
                report.rejected.append(FileOutcome(str(one.path), "rejected", error=str(error)))
        if not looked:
            continue
        try:
            inputs = to_inputs(looked, tz=tz, schema=schema, source=source)
        except (IngestError, InputError) as error:
            report.rejected += [FileOutcome(str(one.file.path), "rejected", error=str(error)) for one in looked]
        else:
            by_path = {one.file.path: one for one in looked}
            in_order = [cast("CustomInput", opened) for layer in layers(inputs) for opened in layer]
            yield _Ticker(in_order, [by_path[opened.path] for opened in in_order])


def _counted(one: _Ticker) -> Iterator[TickerMigration]:
    pairs = list(zip(one.inputs, one.looked, strict=True))
    for schema in dict.fromkeys(opened.schema for opened in one.inputs):
        alike = [(opened, looked) for opened, looked in pairs if opened.schema == schema]
        layouts = dict.fromkeys(looked.file.layout for _, looked in alike)
        yield TickerMigration(
            alike[0][1].file.ticker,
            schema,
            ", ".join(layouts),
            files=len(alike),
            rows_in_files=sum(len(looked.us) for _, looked in alike),
            rows_expected=len(_standing(alike)),
        )


def _expected(ready: Sequence[_Ticker], place: TickerMigration) -> np.ndarray:
    pairs = [
        (opened, looked)
        for one in ready
        for opened, looked in zip(one.inputs, one.looked, strict=True)
        if looked.file.ticker == place.ticker and opened.schema == place.schema
    ]
    return _standing(pairs)


def _standing(pairs: Sequence[tuple[CustomInput, CachedBars]]) -> np.ndarray:
    """The times that stand in the end: a file replaces what earlier ones say of its range."""
    import numpy as np

    standing = np.empty(0, dtype=np.int64)
    for opened, looked in pairs:
        span = opened.span
        if span is not None:
            standing = standing[(standing < span.start_us) | (standing >= span.end_us)]
        standing = np.union1d(standing, looked.us)
    return standing


def _verify(store: Repository, place: TickerMigration, expected: np.ndarray, source: str) -> None:
    """Count what is in the store of what must be there."""
    import numpy as np

    given = {"ticker": place.ticker, "schema": place.schema, "source": source}
    with store.connection() as connection:
        rows = connection.sql(sqlfiles.load("ingest.migrated_times"), params=given).to_arrow_table()
    times = rows["ts_us"].to_numpy()
    is_bad = rows["is_quarantined"].to_numpy()
    stored, quarantined = times[~is_bad], times[is_bad]
    is_stored = np.isin(expected, stored)
    place.rows_stored = int(is_stored.sum())
    place.rows_quarantined = int(np.isin(expected[~is_stored], quarantined).sum())


def _metadata(files: Sequence[Path], tickers: set[str], report: MigrationResult) -> dict[str, Mapping[str, Any]]:
    """What `metadata.json` files say of tickers: one beside a ticker's files, or one for all of them."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in files:
        if path.name != "metadata.json":
            continue
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            report.rejected.append(FileOutcome(str(path), "rejected", error=f"{path}: no JSON: {error}"))
            continue
        entries = {path.parent.name: said} if path.parent.name in tickers else said
        for ticker in tickers & set(entries if isinstance(entries, dict) else ()):
            if isinstance(entries[ticker], dict):
                found[ticker] = entries[ticker]
    report.metadata = sorted(found)
    return found
