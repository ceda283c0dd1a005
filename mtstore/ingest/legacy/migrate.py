"""Migrate older caches, and folders of per-ticker files, into a store; the files stay as they are.

Every file is ingested, so a second run changes nothing. Afterwards the bars are counted: every bar of the files, later
files over earlier ones, must be in the store or in quarantine.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from mtstore import sqlfiles
from mtstore.bounds import parse_zone
from mtstore.errors import IngestError, InputError
from mtstore.ingest.files.batches import in_batches
from mtstore.ingest.files.ingest_files import ingest_inputs
from mtstore.ingest.files.inputs.custom_input import DEFAULT_SOURCE, CustomInput
from mtstore.ingest.files.report import FileOutcome, IngestResult, ProgressCallback, no_progress
from mtstore.ingest.legacy.cache_layouts import CacheFile, find_cache_files
from mtstore.ingest.legacy.read_cache_files import CachedBars, inspect_cache, to_inputs
from mtstore.ingest.run_record import start_run
from mtstore.storage.settings.ticker_metadata import merge_metadata

if TYPE_CHECKING:
    import numpy as np

    from mtstore.storage.repository import Repository

DEFAULT_TZ = "America/New_York"

_Pair: TypeAlias = tuple[CustomInput, CachedBars]


@dataclass(slots=True)
class TickerMigration:
    """One ticker's bars of one schema.

    Attributes
    ----------
    rows_in_files
        All rows of all files.
    rows_expected
        Bars that must be in the store: rows of one instant count once, later files replace earlier ones.
    rows_stored, rows_quarantined
        How many of the expected bars are in the store, and in the view `quarantine` instead.
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
        """Whether every expected bar was found."""
        return self.rows_stored + self.rows_quarantined >= self.rows_expected


@dataclass(slots=True)
class MigrationResult:
    """The result of a migration, or of its dry run.

    Attributes
    ----------
    rejected
        Files that cannot be read, each with the reason.
    unknown
        Files that belong to no known cache.
    metadata
        Tickers whose metadata was found.
    ingest
        The result of ingest; None for a dry run.
    """

    tickers: list[TickerMigration] = field(default_factory=list)
    rejected: list[FileOutcome] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    metadata: list[str] = field(default_factory=list)
    ingest: IngestResult | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no file was rejected and every expected bar was found (in a dry run: no file rejected)."""
        return not self.rejected and (self.ingest is None or all(one.is_verified for one in self.tickers))


def migrate(
    store: Repository | None,
    path: Path,
    *,
    source: str | None = None,
    schema: str | None = None,
    tz: str = DEFAULT_TZ,
    progress: ProgressCallback = no_progress,
) -> MigrationResult:
    """Ingest the caches under `path` into `store`; without a store, return what would be done.

    Parameters
    ----------
    path
        A folder of an older cache (see `mtstore.ingest.legacy.cache_layouts`) or of files `TICKER.csv` and
        `TICKER.parquet`, or one such file. Nothing there is changed.
    source
        The name under which the bars are stored, `own` by default.
    schema
        The schema of all bars; by default inferred from file names, else from the times of all of a ticker's rows.
    tz
        IANA zone of naive times, and of the days in names.

    Raises
    ------
    InputError
        There is nothing at `path`, or a file name there is not valid.
    StoreLockedError
        Another process held the write lock for longer than the timeout.
    """
    tz = parse_zone(tz).key
    found = find_cache_files(path)
    result = MigrationResult(unknown=[str(one) for one in found.unknown])
    groups: dict[tuple[str, str], list[_Pair]] = defaultdict(list)
    for opened, cached in _prepare(found.bars, result, tz=tz, schema=schema, source=source):
        groups[cached.file.ticker, opened.schema].append((opened, cached))
    metadata = _read_metadata(found.metadata, {one.ticker for one in found.bars}, result)
    result.tickers = [
        TickerMigration(
            ticker,
            of_schema,
            ", ".join(dict.fromkeys(cached.file.layout for _, cached in pairs)),
            files=len(pairs),
            rows_in_files=sum(len(cached.us) for _, cached in pairs),
            rows_expected=len(_expected_times(pairs)),
        )
        for (ticker, of_schema), pairs in groups.items()
    ]
    if store is None:
        return result
    run = start_run("migrate", {"path": str(path), "tz": tz})
    inputs = [opened for pairs in groups.values() for opened, _ in pairs]
    result.ingest = ingest_inputs(store, inputs, [], run, progress=progress)
    result.rejected += result.ingest.rejected
    if metadata:
        merge_metadata(store, metadata)
    for one in result.tickers:
        _count_stored(store, one, _expected_times(groups[one.ticker, one.schema]), source or DEFAULT_SOURCE)
    return result


def _prepare(
    files: Sequence[CacheFile], result: MigrationResult, *, tz: str, schema: str | None, source: str | None
) -> Iterator[_Pair]:
    """Yield each ticker's files in the order in which ingest writes them; reject those that cannot be read."""
    for _, group in groupby(files, key=lambda one: one.ticker):
        inspected: dict[Path, CachedBars] = {}
        for one in group:
            try:
                inspected[one.path] = inspect_cache(one, tz)
            except (IngestError, InputError) as error:
                result.rejected.append(FileOutcome(str(one.path), "rejected", error=str(error)))
        try:
            inputs = to_inputs(list(inspected.values()), tz=tz, schema=schema, source=source)
        except (IngestError, InputError) as error:
            result.rejected += [FileOutcome(str(path), "rejected", error=str(error)) for path in inspected]
        else:
            for batch in in_batches(inputs):
                for opened in batch:
                    yield cast("CustomInput", opened), inspected[opened.path]


def _expected_times(pairs: Sequence[_Pair]) -> np.ndarray:
    """Return the times of the bars that must be stored: a file replaces earlier ones in the range it covers."""
    import numpy as np

    times = np.empty(0, dtype=np.int64)
    for opened, cached in pairs:
        span = opened.span
        if span is not None:
            times = times[(times < span.start_us) | (times >= span.end_us)]
        times = np.union1d(times, cached.us)
    return times


def _count_stored(store: Repository, one: TickerMigration, expected: np.ndarray, source: str) -> None:
    import numpy as np

    parameters = {"ticker": one.ticker, "schema": one.schema, "source": source}
    with store.connection() as connection:
        rows = connection.sql(sqlfiles.load("ingest.migrated_times"), params=parameters).to_arrow_table()
    times = rows["ts_us"].to_numpy()
    is_quarantined = rows["is_quarantined"].to_numpy()
    is_stored = np.isin(expected, times[~is_quarantined])
    one.rows_stored = int(is_stored.sum())
    one.rows_quarantined = int(np.isin(expected[~is_stored], times[is_quarantined]).sum())


def _read_metadata(files: Sequence[Path], tickers: set[str], result: MigrationResult) -> dict[str, Mapping[str, Any]]:
    """Read the tickers' metadata from `metadata.json` files: one beside a ticker's files, or one for all of them."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in files:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            result.rejected.append(FileOutcome(str(path), "rejected", error=f"{path}: not JSON: {error}"))
            continue
        entries = {path.parent.name: content} if path.parent.name in tickers else content
        for ticker in tickers & set(entries if isinstance(entries, dict) else ()):
            if isinstance(entries[ticker], dict):
                found[ticker] = entries[ticker]
    result.metadata = sorted(found)
    return found
