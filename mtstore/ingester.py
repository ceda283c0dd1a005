"""The methods of a store that ingest files and frames, and fetch from vendors."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar, overload

from mtstore.arguments import check_options, ticker_names
from mtstore.errors import InputError
from mtstore.progress_bar import no_progress

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from polygon.rest.models import Agg

    from mtstore.bounds import BoundLike
    from mtstore.config import Config
    from mtstore.ingest.files.report import IngestResult, Progress
    from mtstore.ingest.network.report import FetchResult
    from mtstore.progress_bar import FetchProgress
    from mtstore.ranges import TimeRange
    from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
    from mtstore.storage.repository import Repository

    Paths: TypeAlias = str | Path | Iterable[str | Path]
    Frame: TypeAlias = pd.DataFrame | pl.DataFrame | pl.LazyFrame | pa.Table
    Bars: TypeAlias = Frame | Mapping[str, Frame] | Sequence[Sequence[float]] | Sequence[Agg]
    ConfigLike: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Config
    MappingLike: TypeAlias = ColumnMapping | dict[str, Any] | Path | str
    Covers: TypeAlias = TimeRange | tuple[BoundLike, BoundLike] | Literal["auto"]


def _in_thread(
    method: Callable[Concatenate[Ingester, _Arguments], _Result],
) -> Callable[Concatenate[Ingester, _Arguments], Coroutine[Any, Any, _Result]]:
    """Return the same method as a coroutine; the method takes an event `cancel`."""

    @functools.wraps(method)
    async def in_thread(self: Ingester, /, *arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        from mtstore.ingest.network.ingest_network import run_cancellable

        cancel: Any = options.get("cancel") or threading.Event()
        options["cancel"] = cancel
        return await run_cancellable(lambda: method(self, *arguments, **options), cancel)

    in_thread.__doc__ = f"""Run `{method.__name__}` in a thread, with the same arguments, result and errors.

    Cancelling the task ends it within two seconds; what was committed stays.
    """
    return in_thread


_log = logging.getLogger(__name__)


class Ingester:
    """The methods of a store that ingest and fetch; `repository` is the store on disk."""

    repository: Repository

    @overload
    def ingest(
        self,
        data: Paths | Bars,
        *,
        format: str | None = None,
        source: str | None = None,
        schema: str | None = None,
        ticker: str | None = None,
        tickers: str | Sequence[str] | None = None,
        tz: str | None = None,
        mapping: MappingLike | None = None,
        covers: Covers | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestResult: ...

    @overload
    def ingest(
        self,
        *,
        config: ConfigLike,
        start: BoundLike,
        end: BoundLike = None,
        schema: str | None = None,
        tickers: str | Sequence[str] | None = None,
        refresh_all: bool | None = None,
        confirm_cost: bool | Callable[[float], bool] | None = None,
        on_error: str | None = None,
        with_references: bool | None = None,
        progress: Callable[[FetchProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> FetchResult: ...

    def ingest(
        self,
        data: Paths | Bars | None = None,
        *,
        config: ConfigLike | None = None,
        format: str | None = None,
        source: str | None = None,
        schema: str | None = None,
        ticker: str | None = None,
        tickers: str | Sequence[str] | None = None,
        tz: str | None = None,
        mapping: MappingLike | None = None,
        covers: Covers | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        refresh_all: bool | None = None,
        confirm_cost: bool | Callable[[float], bool] | None = None,
        on_error: str | None = None,
        with_references: bool | None = None,
        progress: Callable[[Any], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> IngestResult | FetchResult:
        """Ingest files or a frame, or fetch from the vendors of a configuration, by what is given.

        Paths go to `ingest_files`, a frame to `ingest_frame`, `config` with `start` to `fetch`. Each documents its
        keywords, results and errors; None leaves its default. A mapping of custom files, with every key (only `schema`
        is required), is a YAML file or dict such as::

            schema: ohlcv-1m                # width of the bars: ohlcv-<n><s|m|h|d>
            ticker: AAPL                    # of all rows; else columns: {ticker: …}, or
            # ticker_from: file             # of the path: file, folder, or a pattern with (?P<ticker>…)
            ticker_case: keep               # keep, upper, lower
            tz: America/New_York            # zone of times without one; default: UTC
            stamp: open                     # times are the bars' open or close
            time_format: "%d.%m.%Y %H:%M"   # of times that are not ISO 8601
            # time_unit: ms                 # of times that are numbers: ns, us, ms, s, auto
            ambiguous: infer                # times that occur twice: infer, first, last, quarantine, raise
            nonexistent: quarantine         # times that clocks skip: quarantine, shift, raise
            columns:                        # our name: their name, or its number; default: the same name
              ts_event: [Date, Time]        # joined by a blank
              open: Open
              volume: [Up, Down]            # added
            volume: required                # required, optional (may be empty), none
            price_scale: 0.01               # factor of prices
            decimal: ","                    # default: "."
            thousands: "."                  # default: none
            delimiter: ";"                  # default: ","
            header: 1                       # number of header lines; 0 or false: none
            skip_lines: 2                   # before the header
            footer_lines: 1                 # at the end
            comment: "#"                    # lines that begin so are skipped
            null_values: ["", "n/a"]        # no value
            encoding: latin-1               # default: UTF-8

        Raises
        ------
        InputError
            Neither data nor a configuration, or both; a keyword that the chosen method does not take.

        Examples
        --------
        >>> store.ingest("flatfiles/us_stocks_sip/minute_aggs_v1")  # doctest: +SKIP
        >>> store.ingest(frame, ticker="AAPL", schema="ohlcv-1m")  # doctest: +SKIP
        >>> store.ingest(config="polygon.yaml", start="2023-01-01", end="2023-12-31")  # doctest: +SKIP
        """
        # The first statement: the names are the keywords, and nothing else yet.
        keywords = {name: value for name, value in locals().items() if name not in {"self", "data", "config"}}
        from mtstore.sources.custom.python_bars import is_bars

        given: dict[str, Any] = {name: value for name, value in keywords.items() if value is not None}
        if config is not None:
            if data is not None:
                raise InputError("ingest takes data or a configuration with sources, not both")
            if start is None:
                raise InputError("ingest with a configuration needs start: where the bars should begin")
            _check_options(self.fetch, given)
            return self.fetch(config, **given)
        if data is None:
            raise InputError("ingest needs files, a frame, or config= with sources")
        method: Callable[..., IngestResult] = self.ingest_frame if is_bars(data) else self.ingest_files
        _check_options(method, given)
        return method(data, **given)

    def ingest_files(
        self,
        paths: Paths,
        *,
        format: str | None = None,
        source: str | None = None,
        schema: str | None = None,
        tickers: str | Iterable[str] | None = None,
        ticker: str | None = None,
        tz: str | None = None,
        mapping: MappingLike | None = None,
        covers: Covers | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestResult:
        """Store the bars of files of vendors, or of custom parquet and CSV files.

        Parameters
        ----------
        paths
            Files, folders (searched recursively) and globs, one or several.
        format
            `polygon-flatfile`, `dbn`, `parquet` or `csv`; None detects it from the content.
        source
            The source's name; by default `polygon`, `own`, or `databento-` and the dataset.
        schema
            `ohlcv-1m` …, where the format does not imply it.
        tickers
            Only these; flat files then cover their day for all of them, present or not.
        ticker, tz
            The ticker of all rows of custom files, and the zone of times without one (UTC): what the mapping does not
            say.
        mapping
            The columns of custom files and how they are read: a YAML file, or its content.
        covers
            The range for which custom files are the whole answer, so that stored bars in it that they do not have are
            withdrawn: two instants (half-open), two dates (days of the mapping's `tz`, both included), or `auto`, the
            time from each ticker's first bar to the end of its last. None: that time counts as covered, and nothing is
            withdrawn.
        progress
            Called as files are read.

        Returns
        -------
        IngestResult
            An outcome for each file; printed, it fits a screen. Rows that cannot be bars are in the view `quarantine`.
            An IngestWarning names each reason for which files were rejected or rows quarantined.

        Raises
        ------
        InputError
            No path matches, or an option is not valid. TickerError: a name that no ticker can have.
        StoreLockedError
            Another process held the write lock for longer than the timeout.
        SourceMismatchError
            The source's name is bound to another vendor or dataset. (Other faults of a file are in the result.)
        """
        from mtstore.ingest.files.ingest_files import ingest_files
        from mtstore.ingest.files.report import no_progress

        result = ingest_files(
            self.repository,
            [paths] if isinstance(paths, str | Path) else paths,
            format=format,
            source=source,
            schema=schema,
            tickers=tickers,
            ticker=ticker,
            tz=tz,
            mapping=mapping,
            covers=covers,
            progress=progress or no_progress,
        )
        _warn(result)
        return result

    def ingest_frame(
        self,
        frame: Bars,
        *,
        ticker: str | None = None,
        schema: str | None = None,
        tz: str | None = None,
        source: str | None = None,
        mapping: MappingLike | None = None,
        covers: Covers | None = None,
    ) -> IngestResult:
        """Store the bars of a pandas or polars DataFrame, an Arrow table, or what a client returns.

        Parameters
        ----------
        frame
            Columns ts_event (or a DatetimeIndex; the bars' opens), open, high, low, close in quote currency, volume in
            units traded; optionally vwap, transactions and ticker. Or `{ticker: frame}`, ccxt's lists `[ms, open, high,
            low, close, volume]`, or Polygon's `Agg` objects.
        ticker
            The bars' ticker, unless a column has it.
        schema
            `ohlcv-1m` …; needed unless `mapping` has it.
        tz
            IANA zone of naive times and of the days of daily bars; by default UTC.
        source
            The source's name, `own` by default.
        mapping, covers
            As in `ingest_files`. Dates of `covers` are days of `tz`, or of the
            zone of aware times.

        Raises
        ------
        BrokenFileError
            A column is missing, or a value or time cannot be read. Other errors as in `ingest_files`.
        """
        from mtstore.ingest.files.ingest_frame import ingest_frame

        result = ingest_frame(
            self.repository, frame, ticker=ticker, schema=schema, tz=tz, source=source, mapping=mapping, covers=covers
        )
        _warn(result)
        return result

    def fetch(
        self,
        config: ConfigLike,
        start: BoundLike,
        end: BoundLike = None,
        *,
        tickers: str | Sequence[str] | None = None,
        schema: str | None = None,
        refresh_all: bool = False,
        confirm_cost: bool | Callable[[float], bool] = False,
        on_error: str | None = None,
        with_references: bool = True,
        progress: Callable[[FetchProgress], None] = no_progress,
        cancel: threading.Event | None = None,
    ) -> FetchResult:
        """Fetch the parts of a range that are missing from the vendors of a configuration.

        Afterwards the cache limits of the configuration are enforced.

        Parameters
        ----------
        config
            A configuration with `sources`: a YAML file, a mapping, or a `Config`.
        start, end
            Dates take whole sessions, the end date included; instants are half-open; naive times are wall time in
            `alignment.timezone`. `end` None: now.
        tickers
            None: the configured universe, by priority.
        schema
            The bars to fetch; None: the source's, or those of the configured interval.
        refresh_all
            Fetch stored ranges again, too.
        confirm_cost
            Whether the fetch may cost more than `max_cost_usd`, or a function of the dollars that decides.
        on_error
            `skip` (go on with other tickers) or `raise`; None: the configuration's.
        with_references
            Also fetch splits, dividends and details that are missing or out of date.
        progress
            Called after each chunk.
        cancel
            Setting it ends the fetch within two seconds; what was committed stays.

        Raises
        ------
        CostLimitError
            The fetch would cost more than allowed; nothing was fetched.
        SourceError
            With `on_error` 'raise': a vendor could not deliver.
        ConfigError, InputError, StoreLockedError
            A configuration, range or option that is not valid; another process held the write lock too long.
        """
        from mtstore.config import load_config
        from mtstore.ingest.network.ingest_network import ingest_network
        from mtstore.query.cache.cache_limits import enforce_cache_limits

        loaded = load_config(config)
        result = ingest_network(
            self.repository,
            loaded,
            start,
            end,
            tickers=ticker_names(tickers),
            schema=schema,
            refresh_all=refresh_all,
            confirm_cost=confirm_cost,
            on_error=on_error,
            with_references=with_references,
            progress=progress,
            cancel=cancel,
        )
        enforce_cache_limits(self.repository, loaded)
        return result

    fetch_async = _in_thread(fetch)

    def ingest_references(
        self, *, splits: Iterable[str | Path] = (), dividends: Iterable[str | Path] = (), source: str = "polygon"
    ) -> IngestResult:
        """Store splits and cash dividends from CSV files or Polygon's JSON, which `adjust` reads.

        Examples
        --------
        >>> store.ingest_references(splits=["splits.csv"], dividends=["dividends.json"])  # doctest: +SKIP
        """
        from mtstore.ingest.files.ingest_references import ingest_references

        result = ingest_references(self.repository, splits=splits, dividends=dividends, source=source)
        _warn(result)
        return result


def _check_options(method: Callable[..., Any], options: Iterable[str]) -> None:
    """Reject a keyword that the method does not take; its first parameter is the data or the configuration."""
    check_options(options, [*inspect.signature(method).parameters][1:])


def _warn(result: IngestResult) -> None:
    """Warn the caller of rejected files and quarantined rows, and log them."""
    from mtstore.ingest.files.report import IngestWarning

    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("mtstore."):
        frame, level = frame.f_back, level + 1
    for problem in result.problems():
        _log.info(problem)
        warnings.warn(problem, IngestWarning, stacklevel=level)
