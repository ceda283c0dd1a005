"""`MultiTickerDataLoader`: load the configured tickers as one aligned frame."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING
from weakref import WeakSet

from mtstore.arguments import ticker_name
from mtstore.config import load_config
from mtstore.errors import InputError
from mtstore.loader.cache_manager import CacheManager
from mtstore.loader.legacy.first_ticker import FirstTickerLoad
from mtstore.loader.legacy.single_ticker import TickerDataLoader
from mtstore.loader.load.chunks import Chunks
from mtstore.loader.load.configured_view import configured_view
from mtstore.loader.load.fetch_missing import FetchOutcome, MissingDataFetcher, fetch_warnings, issue_warnings
from mtstore.loader.load.load import Load
from mtstore.loader.load.load_table import load_frame
from mtstore.loader.load.open_store import StoreHolder, open_store
from mtstore.loader.load.prefetch import prefetch
from mtstore.loader.load.read_ticker import read_ticker
from mtstore.loader.load.requests import LoadArguments, align_request, requested_tickers, ticker_request
from mtstore.loader.metadata_manager import MetadataManager
from mtstore.loader.validation.outcome import Validation, validate
from mtstore.loader.validation.summary import quality_frame
from mtstore.query.align.chunks import parse_chunk
from mtstore.query.cache import result_cache
from mtstore.query.request.result import mapped_errors
from mtstore.query.table.memory_budget import duckdb_limit

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.bounds import BoundLike
    from mtstore.config import Config, TickerSettings
    from mtstore.ingest.network.cost_check import Confirm
    from mtstore.loader.load.result import LoadResult
    from mtstore.query.request.request import AlignRequest
    from mtstore.query.snapshot.store_facts import StoreFacts


class MultiTickerDataLoader(StoreHolder):
    """Load the configured tickers as one aligned frame.

    Parameters
    ----------
    config
        A mapping, or the path of a YAML file: the whole configuration, or its inner `multi_ticker` mapping. Where it
        has vendors under `sources`, each load first fetches what is missing in the store.
    confirm_cost
        Whether a load may cost more than the sources' `max_cost_usd`, or a function that gets the US dollars and
        decides. None asks on the terminal, and declines without one.
    progress
        Whether to show a progress bar on a terminal during a fetch.

    Attributes
    ----------
    config
        The checked configuration.
    ticker_configs
        The settings of each ticker of the universe, after all layers.
    aligned_data
        The last frame of `load_data`; None before the first load.

    Raises
    ------
    ConfigError
        The configuration is invalid; all problems are listed.
    StoreNotFoundError
        The configured path has no store, and no vendor is configured to fill a new one.
    """

    def __init__(
        self,
        config: str | PathLike[str] | Mapping[str, object] | Config,
        *,
        confirm_cost: Confirm | None = None,
        progress: bool = True,
    ) -> None:
        self.config = load_config(config)
        for text in self.config.warnings():
            warnings.warn(text, stacklevel=2)
        self.ticker_configs: dict[str, TickerSettings] = {
            name: self.config.ticker(name) for name in self.config.universe
        }
        self.aligned_data: pd.DataFrame | None = None
        self._resources = ExitStack()
        self._fetcher = MissingDataFetcher(self.config, confirm_cost=confirm_cost, shows_progress=progress)
        self._store = open_store(
            self.config, self._fetcher, self._resources, owner=self, memory_limit=duckdb_limit(self.config)
        )
        self._chunks: WeakSet[Chunks] = WeakSet()
        self._last_load: Load | FirstTickerLoad | None = None

    @property
    def weights(self) -> dict[str, float]:
        """The configured weights by ticker, not normalised; tickers without a weight are left out."""
        return {name: entry.weight for name, entry in self.ticker_configs.items() if entry.weight is not None}

    @property
    def report(self) -> LoadResult | None:
        """Size, time and completeness of the last load, by ticker; None before the first."""
        return None if self._last_load is None else self._last_load.result()

    @cached_property
    def cache_manager(self) -> CacheManager:
        """Single tickers' bars in and out of the loader's store."""
        return CacheManager(self.config, store=self._store)

    @cached_property
    def metadata(self) -> MetadataManager:
        """The tickers' metadata; configured values override stored ones."""
        configured = {name: settings.metadata for name, settings in self.ticker_configs.items()}
        return MetadataManager(self._store, configured=configured)

    @cached_property
    def data_loaders(self) -> dict[str, TickerDataLoader]:
        """A loader for each ticker of the universe, at its configured interval and session."""
        return {
            name: TickerDataLoader(name, self.config, store=self._store, fetcher=self._fetcher)
            for name in self.ticker_configs
        }

    def load_data(
        self,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        tickers: str | Iterable[str] | None = None,
        fields: str | Sequence[str] | None = None,
        columns: str = "flat",
        dtype: str = "float64",
    ) -> pd.DataFrame:
        """Load one aligned frame: a row per bucket, a column per ticker and field.

        If vendors are configured, ranges that are missing in the store or older than `cache.ttl_days` are fetched
        first. A ticker that cannot be fetched (`on_error: skip`) causes a warning and keeps its columns.

        Where `multi_ticker.enabled` is false, only the first ticker is loaded, as its `TickerDataLoader` returns it.

        Parameters
        ----------
        start, end
            Dates take whole sessions, the end date included; instants are half-open; naive times are in
            `alignment.timezone`. None: as far as bars are stored. A Timestamp at midnight is an instant; as `end` it
            warns that its day is not in the range.
        tickers
            Tickers to load instead of the universe, in this order.
        fields
            One or several of open, high, low, close, volume (the default), vwap, transactions, bar_count.
        columns
            `flat`: `AAPL_open` …; `multi`: a MultiIndex of ticker and field.
        dtype
            `float64`, or `float32` for half the memory.

        Returns
        -------
        pandas.DataFrame
            Index `timestamp` (tz-aware, in `alignment.timezone`, labelled by `alignment.label`). The values equal those
            of the SQL macro `aligned_outer`, `aligned_inner` or `aligned_ffill`. Where `validation.on_failure` is
            `flag`, boolean columns follow: `AAPL_is_outlier` …

        Raises
        ------
        MissingDataError
            The store does not cover the range, and `on_missing` is `raise`; lists tickers and ranges.
        DataQualityError
            Gaps or outliers beyond the limits, and `validation.on_failure` is `raise`.
        MemoryLimitError
            The frame needs more than `memory_limit`; says what needs less.
        CostLimitError
            The missing data cost more than allowed; nothing was fetched.
        SourceError
            A vendor failed with `on_error: raise`, or stored data are too old with `cache.serve_stale: false`.
        InputError
            A ticker that is neither configured nor stored, an unknown field, invalid bounds.
        """
        load = self._new_load(LoadArguments(start, end, tickers, fields, columns, dtype))
        load.fetched = self._fetcher.fetch(self._store, load.tickers, start, end)
        frame = self._read(load)
        load.warn(stacklevel=2)
        return frame

    async def load_data_async(
        self,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        tickers: str | Iterable[str] | None = None,
        fields: str | Sequence[str] | None = None,
        columns: str = "flat",
        dtype: str = "float64",
    ) -> pd.DataFrame:
        """Run `load_data` in a thread, with the same parameters, result and errors.

        Cancelling the task ends a fetch within two seconds; committed data stay. Within `store.snapshot()`, bars are
        read from that snapshot.
        """
        load = self._new_load(LoadArguments(start, end, tickers, fields, columns, dtype))
        load.fetched = await self._fetcher.fetch_async(self._store, load.tickers, start, end)
        with self._store.snapshot() as snapshot:
            frame = await asyncio.to_thread(self._read, load, snapshot)
        load.warn(stacklevel=2)
        return frame

    def iter_data(
        self,
        start: BoundLike = None,
        end: BoundLike = None,
        chunk: str | timedelta = "30D",
        *,
        tickers: str | Iterable[str] | None = None,
        fields: str | Sequence[str] | None = None,
        columns: str = "flat",
        dtype: str = "float64",
    ) -> Chunks:
        """Iterate over the frame of `load_data` in chunks, in bounded memory.

        The chunks together equal `load_data`: forward fill crosses chunk borders, and all chunks are read from one
        snapshot. A thread prepares the next chunk, so at most two are in memory. The range is checked at once. The
        iterator may be closed early (`with`, or `close()`).

        Parameters
        ----------
        chunk
            Length of a chunk: `30D`, `12h` or a timedelta. Chunks without rows are left out.
        start, end, tickers, fields, columns, dtype
            As in `load_data`, with the same errors. `multi_ticker.enabled: false` is an InputError.
        """
        if not self.config.multi_ticker.enabled:
            raise InputError("multi_ticker.enabled: was false; iter_data aligns tickers, use load_data for one")
        load = Load.of(self.config, self._store, LoadArguments(start, end, tickers, fields, columns, dtype))
        load.fetched = self._fetcher.fetch(self._store, load.tickers, start, end)
        self._store.repository.last_used.record(load.tickers, *load.call.bounds.covering_us())
        chunks = Chunks(self._store.repository, load, parse_chunk(chunk))
        self._chunks.add(chunks)
        self._last_load = load
        load.warn(stacklevel=2)
        return chunks

    def get_ticker_data(self, ticker: str, start: BoundLike = None, end: BoundLike = None) -> pd.DataFrame:
        """Load one ticker's bars at its configured interval and session, not aligned.

        Without `start` and `end`: the range of the last load. With them, missing data are fetched first.

        Returns
        -------
        pandas.DataFrame
            Index `timestamp` in `alignment.timezone`; columns open, high, low, close, volume, vwap, transactions.

        Errors as in `load_data`.
        """
        names = requested_tickers(self.config, self._store, ticker_name(ticker))
        fetched = FetchOutcome()
        if start is None and end is None and self._last_load is not None:
            start, end = self._last_load.arguments.start, self._last_load.arguments.end
            fetched = self._last_load.fetched
        found = []
        # The last load has fetched its tickers, and warned of them.
        if fetched.for_ticker(ticker) is None:
            fetched = self._fetcher.fetch(self._store, names, start, end)
            found = fetch_warnings(fetched)
        call = ticker_request(self.config, self._store, ticker, start, end)
        with configured_view(self._store.repository, self.config) as facts, mapped_errors():
            frame, missing = read_ticker(facts, self._store.repository, self.config, call, fetched)
        issue_warnings([*found, *missing], stacklevel=2)
        return frame

    def prefetch(
        self, start: BoundLike = None, end: BoundLike = None, *, tickers: str | Iterable[str] | None = None
    ) -> int:
        """Fetch what is missing, then read the range's files into the system's cache in the background.

        Return the size of the files in bytes. Parameters and errors as in `load_data`.
        """
        names = requested_tickers(self.config, self._store, tickers)
        issue_warnings(fetch_warnings(self._fetcher.fetch(self._store, names, start, end)), stacklevel=2)
        with self._view(start, end, names) as (facts, call):
            return prefetch(facts, self._store.path, call)

    def validate(
        self, start: BoundLike = None, end: BoundLike = None, *, tickers: str | Iterable[str] | None = None
    ) -> Validation:
        """Find gaps, outliers and splits by each ticker's limits, without raising or warning.

        Parameters as in `load_data`; without `start` and `end`: the range of the last load.
        """
        with self._view(start, end, tickers) as (facts, call):
            return validate(facts, call, {name: self.config.ticker(name) for name in call.tickers or ()})

    def quality(
        self, start: BoundLike = None, end: BoundLike = None, *, tickers: str | Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Compute quality figures of a range, one row per ticker, indexed by it; see the macro `quality`.

        Columns: calendar, expected_bars and present_bars of the regular sessions, completeness (their share),
        gap_count, longest_gap_minutes, outlier_count, quarantined_rows, first_bar, last_bar, staleness (now minus the
        ticker's last stored bar), peer_ratio (bars as a multiple of the median of the same calendar's tickers),
        is_far_from_peers and peer_note (why).

        Parameters as in `load_data`; without `start` and `end`: the range of the last load.
        """
        with self._view(start, end, tickers) as (facts, call):
            return quality_frame(facts.connection, call)

    def clear_cache(self, *, tickers: str | Iterable[str] | None = None) -> int:
        """Delete cached results, all or those with any of `tickers`, and `aligned_data`; return the freed bytes.

        Stored bars stay.
        """
        names = None if tickers is None else set(requested_tickers(self.config, self._store, tickers))
        freed = 0
        for entry in result_cache.cached_results(self._store.repository):
            if names is None or names & set(entry.tickers):
                result_cache.delete_result(entry)
                freed += entry.byte_size
        self.aligned_data = None
        return freed

    def close(self) -> None:
        """Close the store; iterators of chunks end."""
        for chunks in list(self._chunks):
            chunks.close()
        super().close()

    def __repr__(self) -> str:
        return f"MultiTickerDataLoader({len(self.ticker_configs)} tickers, store {str(self._store.path)!r})"

    def _new_load(self, arguments: LoadArguments) -> Load | FirstTickerLoad:
        kind = Load if self.config.multi_ticker.enabled else FirstTickerLoad
        return kind.of(self.config, self._store, arguments)

    def _read(self, load: Load | FirstTickerLoad, snapshot: int | None = None) -> pd.DataFrame:
        """Read the frame of a load, from a snapshot that another thread holds open, if any."""
        with self._store.snapshot(snapshot):
            frame = load_frame(load, self._store.repository) if isinstance(load, Load) else load.to_frame()
        self.aligned_data, self._last_load = frame, load
        return frame

    @contextmanager
    def _view(
        self, start: BoundLike, end: BoundLike, tickers: str | Iterable[str] | None
    ) -> Iterator[tuple[StoreFacts, AlignRequest]]:
        """Yield the store as the configuration describes it, and the aligned request of a range, or of the last one."""
        if start is None and end is None and self._last_load is not None:
            start, end = self._last_load.arguments.start, self._last_load.arguments.end
        call = align_request(self.config, self._store, tickers, start, end)
        with configured_view(self._store.repository, self.config) as facts, mapped_errors():
            yield facts, call
