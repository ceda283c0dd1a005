"""The `Store` class: open a store, ingest, query, maintain."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast, overload

from mtstore.arguments import check_options
from mtstore.errors import InputError
from mtstore.query.reader import Reader
from mtstore.storage.layout import DEFAULT_GRACE
from mtstore.storage.repository import Repository
from mtstore.storage.write_lock import DEFAULT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from mtstore.config import Config
    from mtstore.ingest.files.report import IngestResult
    from mtstore.ingest.network.report import FetchResult
    from mtstore.storage.maintenance.compact import CompactResult
    from mtstore.storage.maintenance.problems import VerifyResult
    from mtstore.storage.maintenance.repair import RepairResult
    from mtstore.storage.maintenance.verify import Progress


class Store(Reader):
    """Market data of many tickers in one folder; `mtstore.open` returns one.

    Its methods fill, read and maintain the store. It is a context manager; leaving the block closes it.

    Attributes
    ----------
    repository
        The store on disk, for mtstore's own code.
    """

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        grace: timedelta = DEFAULT_GRACE,
        lock_timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        memory_limit: str | int | None = None,
    ) -> Self:
        """Open the store in the folder `path`; see `mtstore.open`."""
        return cls(
            Repository.open(
                path, create=create, grace=grace, lock_timeout_seconds=lock_timeout_seconds, memory_limit=memory_limit
            )
        )

    @property
    def path(self) -> Path:
        """The store's folder."""
        return self.repository.path

    def snapshot(self, generation: int | None = None) -> AbstractContextManager[int]:
        """Keep this thread's reads on one snapshot until the block ends; the block gets its number.

        Another thread joins the snapshot with that number.

        Raises
        ------
        SnapshotExpiredError
            The block outlived the store's grace period and files of its snapshot are gone.

        Examples
        --------
        >>> with store.snapshot():  # doctest: +SKIP
        ...     bars, status = store.bars("AAPL").to_arrow(), store.status().to_arrow()
        """
        return self.repository.snapshot(generation)

    @overload
    def ingest(
        self, data: str | Path | Iterable[str | Path] | pd.DataFrame | pl.DataFrame | pa.Table, **options: Any
    ) -> IngestResult: ...

    @overload
    def ingest(self, *, config: str | os.PathLike[str] | Mapping[str, Any] | Config, **options: Any) -> FetchResult: ...

    def ingest(
        self,
        data: str | Path | Iterable[str | Path] | pd.DataFrame | pl.DataFrame | pa.Table | None = None,
        *,
        config: str | os.PathLike[str] | Mapping[str, Any] | Config | None = None,
        **options: Any,
    ) -> IngestResult | FetchResult:
        """Put vendor files, a frame in memory, or what the vendors of a configuration have, into the store.

        Parameters
        ----------
        data
            Paths of files, folders or globs (one or several); or a pandas or polars DataFrame or an Arrow table with
            columns ts_event (or a DatetimeIndex), open, high, low, close in quote currency, volume in units traded, and
            vwap, transactions and ticker, if there are any. Times are the bars' opens.
        config
            A configuration with `sources`, whose vendors are asked for what the store lacks.
        **options
            Of files: `format` (`polygon-flatfile`, `dbn`, `parquet`, `csv`; recognised by content), `source` (a name),
            `schema` (`ohlcv-1m` …, where the format does not say), `tickers` (only these), `mapping` (how columns of
            one's own are called and read: a YAML file, or what it says), `covers` (two dates of UTC, both included, or
            a half-open range of instants that files of one's own speak for, so that stored bars there that they lack
            are withdrawn; without it they only add and overwrite), `progress`.

            Of a frame: `ticker` (whose bars they are, if no column says it), `schema`, `tz` (IANA zone of naive times
            and of daily bars' days, UTC by default), `mapping`, `covers`, `source` (`own` by default).

            With `config`: `start` (needed), `end` (now by default): dates take whole sessions, the end date included,
            instants are half-open, naive times are wall time in `alignment.timezone`; `tickers` (the universe),
            `schema`, `refresh_all` (ask again, however fresh), `confirm_cost` (whether it may cost more than
            `max_cost_usd`, or a function that is asked with the dollars), `on_error` (`skip` or `raise`),
            `with_references` (splits, dividends and details, too), `progress`, `cancel` (a threading.Event). What was
            fetched makes room for itself as the configuration's `cache` says.

        Returns
        -------
        IngestResult or FetchResult
            File by file, or ticker by ticker; rows that cannot be bars are in the view `quarantine`.

        Raises
        ------
        InputError
            Neither data nor a configuration, or both; an option that is unknown or cannot be right; no path matches.
        BrokenFileError
            A frame lacks a column, or holds a value or a time that cannot be read. (Files are refused one by one, in
            the report.)
        TickerError
            A name that no ticker can have.
        SourceMismatchError
            The source's name is bound to another vendor or dataset.
        StoreLockedError
            Another process wrote for longer than the timeout.
        CostLimitError
            With `config`: it would cost more than allowed; nothing was fetched.
        SourceError, ConfigError
            With `config` and `on_error` 'raise'.

        Examples
        --------
        >>> store.ingest("flatfiles/us_stocks_sip/minute_aggs_v1")  # doctest: +SKIP
        >>> store.ingest(frame, ticker="AAPL", schema="ohlcv-1m")  # doctest: +SKIP
        >>> store.ingest(config="polygon.yaml", start="2023-01-01", end="2023-12-31")  # doctest: +SKIP
        """
        from mtstore.ingest.files.ingest_files import ingest_files
        from mtstore.ingest.files.ingest_frame import ingest_frame, is_frame

        if config is not None:
            from mtstore.config import load_config
            from mtstore.ingest.network.ingest_network import ingest_network
            from mtstore.query.cache.cache_limits import enforce_cache_limits

            if data is not None:
                raise InputError("ingest takes data or a configuration with sources, not both")
            if options.get("start") is None:
                raise InputError("ingest with a configuration needs start: where the bars should begin")
            _check_options(ingest_network, options)
            loaded = load_config(config)
            report = ingest_network(self.repository, loaded, **options)
            enforce_cache_limits(self.repository, loaded)
            return report
        if data is None:
            raise InputError("ingest needs files, a frame, or config= with sources")
        if is_frame(data):
            _check_options(ingest_frame, options)
            return ingest_frame(self.repository, data, **options)
        _check_options(ingest_files, options)
        if isinstance(data, (str, os.PathLike)):
            return ingest_files(self.repository, [Path(data)], **options)
        return ingest_files(self.repository, cast("Iterable[str | Path]", data), **options)

    async def ingest_async(
        self, config: str | os.PathLike[str] | Mapping[str, Any] | Config, start: Any, end: Any = None, **options: Any
    ) -> FetchResult:
        """Fetch what the store lacks of a range from a configuration's vendors, in a thread.

        Cancelling the task ends it within two seconds; what was committed stays. Options and errors are those of
        `mtstore.ingest.network.ingest_network.ingest_network`.
        """
        from mtstore.config import load_config
        from mtstore.ingest.network.ingest_network import ingest_network, run_cancellable
        from mtstore.query.cache.cache_limits import enforce_cache_limits

        loaded = load_config(config)
        cancel = options.pop("cancel", None) or threading.Event()
        report = await run_cancellable(
            lambda: ingest_network(self.repository, loaded, start, end, cancel=cancel, **options), cancel
        )
        enforce_cache_limits(self.repository, loaded)
        return report

    def ingest_references(
        self,
        *,
        splits: Iterable[str | Path] = (),
        dividends: Iterable[str | Path] = (),
        source: str = "polygon",
    ) -> IngestResult:
        """Put files of splits and cash dividends, CSV or Polygon's JSON, into the tables that `adjust` reads.

        See `mtstore.ingest.files.ingest_references.ingest_references`.

        Examples
        --------
        >>> store.ingest_references(splits=["splits.csv"], dividends=["dividends.json"])  # doctest: +SKIP
        """
        from mtstore.ingest.files.ingest_references import ingest_references

        return ingest_references(self.repository, splits=splits, dividends=dividends, source=source)

    def compact(self, tickers: str | Iterable[str] | None = None) -> CompactResult:
        """Merge each partition's files into one; rows, coverage and answers stay the same."""
        from mtstore.storage.maintenance.compact import compact

        return compact(self.repository, tickers)

    def verify(self, progress: Progress = lambda *_: None) -> VerifyResult:
        """Read every file to the last byte, and hold it against the metadata and the log; nothing is changed.

        The answer's `problems` say what is wrong, where, and what to do; `is_sound`, whether there are none.
        `progress` is told of files done, files in all, and rows read. A store that does not even open is checked by
        `mtstore verify`.

        Examples
        --------
        >>> store.verify().is_sound  # doctest: +SKIP
        """
        from mtstore.storage.maintenance.verify import verify

        return verify(self.repository.layout, progress)

    def repair(self, progress: Progress = lambda *_: None) -> RepairResult:
        """Set aside what is damaged, mark its coverage as not fetched, and make the database file anew.

        Nothing is deleted: see `RepairResult.folder`. A store that does not open is repaired by `mtstore repair`.

        Raises
        ------
        StoreLockedError
            Another process writes. StoreError: nothing can be read any more.

        Examples
        --------
        >>> store.repair().lost  # doctest: +SKIP
        """
        from mtstore.storage.maintenance.repair import repair

        return repair(self.repository.layout, progress, lock_timeout_seconds=self.repository.lock_timeout_seconds)

    def publish(self, to: str | os.PathLike[str], *, materialize: bool = False, path_prefix: str | None = None) -> Path:
        """Write a copy of the database file for another machine or container; gives its path.

        Parameters
        ----------
        to
            The file, outside the store. It is replaced in one step.
        materialize
            Put all bars inside, so that it needs no other file.
        path_prefix
            The folder under which its reader sees the store, such as `/mnt/store`.

        Raises
        ------
        InputError
            A place or a prefix that cannot be right.

        Examples
        --------
        >>> store.publish("for_the_analyst.duckdb", materialize=True)  # doctest: +SKIP
        """
        from mtstore.storage.maintenance.export_copy import export_copy

        return export_copy(self.repository, to, materialize=materialize, path_prefix=path_prefix)

    def rebuild(self) -> int:
        """Rebuild the database file from `data/` and `meta/` alone; return the number of the new snapshot.

        A store that does not open is rebuilt by `mtstore rebuild`.

        Raises
        ------
        StoreError
            A data file that the log names is missing or damaged, or log entries are missing.
        """
        return self.repository.rebuild()

    def close(self) -> None:
        """Close the database file; later reads raise StoreError."""
        self.repository.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


def _check_options(function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse what the function that does the work does not take, beside the store, the data, and what is ours."""
    check_options(options, [name for name in [*inspect.signature(function).parameters][2:] if name != "vendors"])
