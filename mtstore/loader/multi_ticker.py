"""`MultiTickerDataLoader`: one aligned frame of many tickers, as a configuration describes it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

from mtstore.arguments import ticker_name
from mtstore.config import load_config
from mtstore.errors import InputError
from mtstore.loader.load.chunks import Chunks
from mtstore.loader.load.configured_view import sight
from mtstore.loader.load.fetch_missing import Fetching, FetchOutcome, temporary_store
from mtstore.loader.load.load import Load
from mtstore.loader.load.load_table import make_table
from mtstore.loader.load.missing_data import missing_ranges, missing_sentence
from mtstore.loader.load.report import LoadReport
from mtstore.loader.load.requests import align_call, ticker_call, wanted_tickers
from mtstore.loader.looks import Looks
from mtstore.loader.managers import Managers
from mtstore.query.align.chunks import parse_chunk
from mtstore.query.cache.cache_limits import enforce_cache_limits
from mtstore.query.fast.single_ticker import ticker_frame
from mtstore.query.request.result import mapped_errors
from mtstore.query.table.memory_budget import duckdb_limit
from mtstore.query.table.wide_table import field_names
from mtstore.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.config import Config, TickerSettings
    from mtstore.ingest.network.cost_check import Confirm


_DEFAULTS: Mapping[str, Any] = {"tickers": None, "fields": None, "columns": "flat", "dtype": "float64"}


class MultiTickerDataLoader(Managers, Looks):
    """Loads the configured tickers as one aligned frame.

    Parameters
    ----------
    config
        A mapping or the path of a YAML file: the whole configuration, or its inner `multi_ticker` mapping. Where it
        names vendors under `sources`, each load first fetches what the store lacks, and only that.
    confirm_cost
        Whether a load may cost more than the sources' `max_cost_usd`; a function is asked with the dollars; None asks
        the person at the terminal, and without a terminal it may not.
    progress
        Whether a bar is shown on a terminal while something is fetched.

    Attributes
    ----------
    config
        The checked configuration.
    ticker_configs
        What holds for each ticker of the universe, after all layers.
    aligned_data
        The frame that `load_data` gave last; None before the first.
    weights
        The configured weights by ticker, never normalised.

    Raises
    ------
    ConfigError
        The configuration cannot be right; all problems are listed.
    StoreNotFoundError
        There is no store at the configured path, and no vendor to fill a new one.
    """

    def __init__(
        self,
        config: str | PathLike[str] | Mapping[str, Any] | Config,
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
        self._fetching = Fetching(self.config, confirm_cost=confirm_cost, shows_progress=progress)
        path = self.config.store_path
        if self._fetching.is_active and not self.config.multi_ticker.cache.enabled:
            path, delete = temporary_store(self)
            self._resources.callback(delete)
        store = Store.open(path, create=self._fetching.is_active, memory_limit=duckdb_limit(self.config))
        self._store = self._resources.enter_context(store)
        self._last_load: Load | None = None
        self._chunks: WeakSet[Chunks] = WeakSet()
        self._last_range: tuple[Any, Any] = (None, None)

    @property
    def store(self) -> Store:
        """The store that is read."""
        return self._store

    @property
    def weights(self) -> dict[str, float]:
        """The configured weights, of the tickers that have one."""
        return {name: entry.weight for name, entry in self.ticker_configs.items() if entry.weight is not None}

    @property
    def report(self) -> LoadReport | None:
        """What the last load was like, ticker by ticker; None before the first."""
        return self._single_report if self._last_load is None else self._last_load.report()

    def load_data(
        self,
        start: Any = None,
        end: Any = None,
        *,
        tickers: Iterable[str] | None = None,
        fields: Sequence[str] | str | None = None,
        columns: str = "flat",
        dtype: str = "float64",
    ) -> pd.DataFrame:
        """One aligned frame: one row per bucket, one column per ticker and field.

        What the store lacks, or holds longer than `cache.ttl_days`, is fetched first, if there are vendors to ask. A
        ticker that cannot be fetched (`on_error: skip`) is warned of, stands in `report`, and keeps its columns.

        Where `multi_ticker.enabled` is false: the first ticker alone, as its `TickerDataLoader` gives it.

        Parameters
        ----------
        start, end
            Bare dates take whole sessions, the end date included; instants are half-open; naive times are wall time in
            `alignment.timezone`. None: as far as anything is stored.
        tickers
            Some tickers instead of the universe, in this order.
        fields
            One or several of open, high, low, close, volume (the default), vwap, transactions, bar_count.
        columns
            `flat`: `AAPL_open` …; `multi`: a MultiIndex of ticker and field.
        dtype
            `float64`, or `float32` for half the memory.

        Returns
        -------
        pandas.DataFrame
            Index `timestamp` (tz-aware, in `alignment.timezone`, labelled by `alignment.label`). The same values as the
            macro `aligned_outer`, `aligned_inner` or `aligned_ffill` gives in SQL. Where `validation.on_failure` is
            `flag`, columns of booleans come after them: `AAPL_is_outlier` …

        Raises
        ------
        MissingDataError
            The store does not cover the range, and `on_missing` is `raise`; names tickers and ranges.
        DataQualityError
            Gaps or outliers beyond the limits, and `validation.on_failure` is `raise`.
        MemoryLimitError
            The frame would take more than `memory_limit`; says what takes less.
        CostLimitError
            What is missing costs more than allowed; nothing was fetched.
        SourceError
            A vendor, with `on_error: raise`; or what is stored is too old, and `cache.serve_stale` is false.
        InputError
            A ticker that is neither configured nor stored, a field that bars lack, bounds that cannot be read.
        """
        if not self.config.multi_ticker.enabled:
            first, told = self._first_ticker(tickers, columns=columns, dtype=dtype)
            self._tell(FetchOutcome(), *told)
            self.aligned_data, self._last_range = self._load_single(first, start, end, fields), (start, end)
            return self.aligned_data
        load = self._new_load(start, end, tickers=tickers, fields=fields, columns=columns, dtype=dtype)
        load.fetched = self._fetching.fetch(self._store, load.call.tickers or (), start, end)
        frame = self._run(load, (start, end))
        load.warn(stacklevel=2)
        return frame

    async def load_data_async(self, start: Any = None, end: Any = None, **options: Any) -> pd.DataFrame:
        """`load_data` in a thread of its own; parameters, result and errors are the same.

        Cancelling the task while it fetches ends it within two seconds; what was committed stays.

        Within `store.snapshot()` it reads that snapshot.
        """
        import asyncio

        given = {**_DEFAULTS, **options}
        if not self.config.multi_ticker.enabled:
            fields = given.pop("fields")
            first, told = self._first_ticker(**given)
            self._tell(await self._fetching.fetch_async(self._store, [first], start, end), *told)
            self.aligned_data = await asyncio.to_thread(self._load_single, first, start, end, fields)
            self._last_range = (start, end)
            return self.aligned_data
        load = self._new_load(start, end, **given)
        load.fetched = await self._fetching.fetch_async(self._store, load.call.tickers or (), start, end)
        with self._store.snapshot() as generation:
            frame = await asyncio.to_thread(self._run, load, (start, end), generation)
        load.warn(stacklevel=2)
        return frame

    def iter_data(
        self,
        start: Any = None,
        end: Any = None,
        chunk: str | timedelta = "30D",
        *,
        tickers: Iterable[str] | None = None,
        fields: Sequence[str] | str | None = None,
        columns: str = "flat",
        dtype: str = "float64",
    ) -> Chunks:
        """The frame of `load_data` in pieces, one after the other, in bounded memory.

        All chunks together equal `load_data`: what is filled forward goes from one into the next, and all are read from
        one generation. The next chunk is made in the background; never more than two are in memory. The range is
        checked at once; the iterator may be closed early (`with`, or `close()`).

        Parameters
        ----------
        chunk
            The length of a piece: `30D`, `12h` or a timedelta. Chunks without rows are left out.
        start, end, tickers, fields, columns, dtype
            As in `load_data`, and so are the errors; there are no chunks where `multi_ticker.enabled` is false.
        """
        if not self.config.multi_ticker.enabled:
            raise InputError("multi_ticker.enabled is false: there is nothing to align in chunks; load_data loads")
        load = self._new_load(start, end, tickers=tickers, fields=fields, columns=columns, dtype=dtype)
        load.fetched = self._fetching.fetch(self._store, load.call.tickers or (), start, end)
        self._store.repository.last_used.record(load.call.tickers or (), *load.call.bounds.covering_us())
        chunks = Chunks(self._store.repository, load, parse_chunk(chunk))
        self._chunks.add(chunks)
        self._last_load = load
        self._last_range = (start, end)
        load.warn(stacklevel=2)
        return chunks

    def get_ticker_data(self, ticker: str, start: Any = None, end: Any = None) -> pd.DataFrame:
        """One ticker's bars at its own interval and session, not aligned with anybody.

        Over the range that was loaded last, if none is given; else what the store lacks is fetched first.

        Returns
        -------
        pandas.DataFrame
            Index `timestamp` in `alignment.timezone`; columns open, high, low, close, volume, vwap, transactions.

        Raises
        ------
        MissingDataError, InputError
            As in `load_data`.
        """
        ticker_name(ticker)
        is_told = start is None and end is None and self._last_load is not None
        fetched = self._last_load.fetched if self._last_load is not None else FetchOutcome()
        if start is None and end is None:
            start, end = self._last_range
        if not is_told or fetched.of(ticker) is None:
            is_told = False
            fetched = self._fetching.fetch(self._store, wanted_tickers(self.config, self._store, ticker), start, end)
        call = ticker_call(self.config, self._store, ticker, start, end)
        with sight(self._store.repository, self.config) as facts, mapped_errors():
            missing = missing_ranges(facts, call, fetched)
            text = missing_sentence(facts, self.config, self._store.path, call, missing)
            frame = ticker_frame(facts, call)
        self._store.repository.last_used.record([ticker], *call.bounds.covering_us())
        if not is_told:
            self._tell(fetched)
        if text is not None:
            warnings.warn(text, stacklevel=2)
        return frame

    def close(self) -> None:
        """Let go of the store; iterators of chunks end."""
        for chunks in list(self._chunks):
            chunks.close()
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MultiTickerDataLoader({len(self.ticker_configs)} tickers, store {str(self._store.path)!r})"

    def _new_load(
        self,
        start: Any,
        end: Any,
        *,
        tickers: Iterable[str] | None,
        fields: Sequence[str] | str | None,
        columns: str,
        dtype: str,
    ) -> Load:
        call = align_call(self.config, self._store, tickers, start, end)
        return Load(self.config, call, field_names(fields), columns, dtype)

    def _run(self, load: Load, asked: tuple[Any, Any], generation: int | None = None) -> pd.DataFrame:
        """Make the frame of a load; `generation` is the one that another thread holds for it."""
        with (
            self._store.snapshot(generation),
            sight(self._store.repository, self.config) as facts,
            mapped_errors(),
        ):
            frame = load.to_frame(make_table(load, self._store.repository, facts))
        self._store.repository.last_used.record(load.call.tickers or (), *load.call.bounds.covering_us())
        if load.fetched.has_rows and self.config.multi_ticker.cache.evict == "refetchable":
            enforce_cache_limits(self._store.repository, self.config)
        self.aligned_data = frame
        self._last_load = load
        self._last_range = asked
        return frame
