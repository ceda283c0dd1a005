"""`UnifiedDataLoader` and `TickerDataLoader`: load one ticker at a time, with the arguments of older versions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

from mtstore import sqlfiles
from mtstore.arguments import ticker_name
from mtstore.config import Config, load_config
from mtstore.errors import InputError
from mtstore.loader.cache.choose_series import known_series
from mtstore.loader.legacy.arguments import as_config, range_arguments, read_timeframe
from mtstore.loader.load.configured_view import configured_view
from mtstore.loader.load.fetch_missing import MissingDataFetcher, fetch_warnings, issue_warnings
from mtstore.loader.load.open_store import StoreHolder, open_store
from mtstore.loader.load.read_ticker import read_ticker
from mtstore.loader.load.requests import requested_tickers
from mtstore.query.request.request import SeriesRequest
from mtstore.query.request.result import mapped_errors

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from mtstore.bounds import BoundLike
    from mtstore.config import TickerSettings
    from mtstore.loader.load.fetch_missing import FetchOutcome, FoundWarning
    from mtstore.store import Store

TIMEZONE: Final = "America/New_York"
"""The zone of the index and of naive bounds, whatever `alignment.timezone` is."""

_DEFAULT_SOURCE: Final = "polygon"


class UnifiedDataLoader(StoreHolder):
    """Load one ticker's bars at a time; if vendors are configured, fetch missing data first.

    Parameters
    ----------
    settings
        A configuration (mapping, path or `Config`), as `config`; or an object with the store's path as `store`,
        `cache_dir` or `data_dir`.
    config, config_path
        A configuration, or the path of one. `config` overrides `config_path`, which overrides `settings`.
    data_source
        The source to read, by its name or its vendor's, for tickers without a configured one. The default `polygon` is
        only a preference: a ticker without bars from it is read from its only source.
    cache_enabled
        False is deprecated: bars are always read from the store.
    default_timeframe
        The interval where no other is given: `1min`, `5min`, `1h`, `1d` …
    store, fetcher
        An open store, and the fetcher of another loader.

    Raises
    ------
    ConfigError
        The configuration is invalid.
    StoreNotFoundError
        The configured path has no store.
    """

    def __init__(
        self,
        settings: Any = None,
        *,
        config: str | PathLike[str] | Mapping[str, Any] | Config | None = None,
        data_source: str = _DEFAULT_SOURCE,
        config_path: str | PathLike[str] | None = None,
        cache_enabled: bool = True,
        default_timeframe: str = "1min",
        store: Store | None = None,
        fetcher: MissingDataFetcher | None = None,
    ) -> None:
        self.config = load_config(as_config(settings, config, config_path))
        self.data_source = data_source
        self.default_timeframe = read_timeframe(default_timeframe)
        self._fetcher = fetcher or MissingDataFetcher(self.config, confirm_cost=None, shows_progress=True)
        self._resources = ExitStack()
        self._store = store or open_store(self.config, self._fetcher, self._resources, owner=self)
        if not cache_enabled:
            _warn_of_cache("cache_enabled=False")

    def load_data(
        self,
        *arguments: Any,
        symbol: str | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        data_type: str = "ohlcv",
    ) -> pd.DataFrame:
        """Load one ticker's bars at the default timeframe: `load_data([symbol,] start, end)`.

        Parameters
        ----------
        data_type
            Only `ohlcv`.
        symbol, start, end
            As in `load_ohlcv`, and so are result and errors. Without a symbol: the first of the configured universe.
        """
        if data_type != "ohlcv":
            raise InputError(f"data_type {data_type!r} is not ohlcv; trades and quotes are not stored")
        given = range_arguments(arguments, symbol, start, end)
        return self.load_ohlcv(**given | {"symbol": given["symbol"] or self._default_symbol()})

    def load_ohlcv(
        self,
        symbol: str | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        timeframe: str | None = None,
        use_cache: bool | None = None,
    ) -> pd.DataFrame:
        """Load one ticker's bars.

        Parameters
        ----------
        symbol
            The ticker; only a `TickerDataLoader` knows it without.
        start, end
            Dates take whole sessions, the end date included; instants are half-open; naive times are in New York. None:
            as far as bars are stored.
        timeframe
            The interval; None: the default timeframe.
        use_cache
            False is deprecated: bars are always read from the store.

        Returns
        -------
        pandas.DataFrame
            Index `timestamp` in America/New_York; columns open, high, low, close, volume, vwap, transactions. Only the
            regular session, unless `alignment.session` is `all`.

        Raises
        ------
        InputError
            A ticker that is neither configured nor stored, an invalid timeframe or bound, a source without bars.
        MissingDataError
            The store does not cover the range, and `on_missing` is `raise`.
        """
        if use_cache is False:
            _warn_of_cache("use_cache=False")
        symbol = self._check_symbol(symbol)
        fetched = self._fetcher.fetch(self._store, requested_tickers(self.config, self._store, symbol), start, end)
        frame, found = self.read_fetched(symbol, start, end, fetched, timeframe)
        issue_warnings(found, stacklevel=2)
        return frame

    def read_fetched(
        self, symbol: str, start: BoundLike, end: BoundLike, fetched: FetchOutcome, timeframe: str | None = None
    ) -> tuple[pd.DataFrame, list[FoundWarning]]:
        """Return the bars of `load_ohlcv` after the fetch, and the warnings to issue."""
        alignment = self.config.multi_ticker.alignment
        with configured_view(self._store.repository, self.config) as facts, mapped_errors():
            call = SeriesRequest.parse(
                symbol,
                read_timeframe(timeframe or self.default_timeframe),
                start,
                end,
                tz=TIMEZONE,
                session=alignment.session,
                anchor=alignment.anchor,
                adjust=alignment.adjust,
                from_source=self._from_source(facts.connection, symbol),
            )
            frame, missing = read_ticker(facts, self._store.repository, self.config, call, fetched)
        return frame, [*fetch_warnings(fetched), *missing]

    def load(
        self,
        symbol: str | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        timeframe: str | None = None,
    ) -> pd.DataFrame:
        """Call `load_ohlcv`."""
        return self.load_ohlcv(symbol, start, end, timeframe=timeframe)

    def get_data_info(self, symbol: str | None = None) -> dict[str, Any]:
        """Return what is stored of a ticker.

        Keys: symbol, is_available, rows, bytes, start and end (the first and last bar's open, in America/New_York; None
        without bars), sources, schemas, calendar.
        """
        import pandas as pd

        symbol = self._check_symbol(None) if symbol is None else ticker_name(symbol, "symbol")
        with self._store.repository.connection() as connection, mapped_errors():
            series = known_series(connection, symbol)
            statement = sqlfiles.load("settings.ticker_info")
            row = connection.sql(statement, params={"ticker": symbol}).to_arrow_table().to_pylist()[0]
        first, last = (
            None if row[name] is None else pd.Timestamp(row[name]).tz_convert(TIMEZONE)
            for name in ("first_ts", "last_ts")
        )
        return {
            "symbol": symbol,
            "is_available": row["row_count"] > 0,
            "rows": row["row_count"],
            "bytes": row["byte_size"],
            "start": first,
            "end": last,
            "sources": sorted({one["source"] for one in series}),
            "schemas": [one["schema"] for one in series],
            "calendar": row["calendar"],
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}(store {str(self._store.path)!r})"

    def _check_symbol(self, symbol: str | None) -> str:
        return ticker_name(symbol, "symbol")

    def _default_symbol(self) -> str:
        if not self.config.universe:
            raise InputError("symbol: was None, and the configuration has no tickers; name a symbol")
        return self.config.universe[0]

    def _from_source(self, connection: duckdb.DuckDBPyConnection, symbol: str) -> str | None:
        """Return the source to read; None if the configuration or the stored series decide."""
        if self.config.ticker(symbol).data_source is not None:
            return None
        series = known_series(connection, symbol)
        if any(self.data_source in {one["source"], one["provider"]} for one in series):
            return self.data_source
        if self.data_source != _DEFAULT_SOURCE and series:
            stored = ", ".join(sorted({one["source"] for one in series}))
            raise InputError(f"data_source: was {self.data_source!r}, which has no bars of {symbol!r}; use {stored}")
        return None


class TickerDataLoader(UnifiedDataLoader):
    """Load one ticker at its configured interval, session and source; another symbol is an InputError.

    Parameters
    ----------
    ticker
        The ticker, in the universe or not.
    config
        The configuration, as `MultiTickerDataLoader` takes it.
    store, fetcher
        An open store to use instead of the configured one, and the fetcher of another loader.

    Attributes
    ----------
    ticker
        The ticker's name.
    ticker_settings
        The ticker's settings, after all layers of the configuration.
    """

    def __init__(
        self,
        ticker: str,
        config: str | PathLike[str] | Mapping[str, Any] | Config,
        *,
        store: Store | None = None,
        fetcher: MissingDataFetcher | None = None,
    ) -> None:
        checked = load_config(config)
        self.ticker = ticker_name(ticker)
        self.ticker_settings: TickerSettings = checked.ticker(ticker)
        interval = self.ticker_settings.bar_interval
        super().__init__(config=checked, default_timeframe=interval, store=store, fetcher=fetcher)

    def __repr__(self) -> str:
        return f"TickerDataLoader({self.ticker!r}, store {str(self._store.path)!r})"

    def _check_symbol(self, symbol: str | None) -> str:
        if symbol is not None and symbol != self.ticker:
            raise InputError(f"symbol: was {symbol!r}; this loader loads {self.ticker!r} only")
        return self.ticker

    def _default_symbol(self) -> str:
        return self.ticker


def _warn_of_cache(argument: str) -> None:
    warnings.warn(
        f"{argument} is deprecated: bars are read from the store; use CacheManager.invalidate to fetch them again",
        DeprecationWarning,
        stacklevel=3,
    )
