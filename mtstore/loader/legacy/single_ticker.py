"""`UnifiedDataLoader` and `TickerDataLoader`: the interface of the single-ticker days, over the store."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Self

from mtstore import sqlfiles
from mtstore.arguments import ticker_name
from mtstore.config import Config, load_config
from mtstore.errors import InputError
from mtstore.loader.cache.choose_series import known_series
from mtstore.loader.legacy.arguments import as_config, range_arguments, read_timeframe
from mtstore.loader.load.configured_view import sight
from mtstore.loader.load.fetch_missing import Fetching, fetch_warnings, temporary_store
from mtstore.loader.load.missing_data import missing_ranges, missing_sentence
from mtstore.loader.load.requests import wanted_tickers
from mtstore.query.fast.single_ticker import ticker_frame
from mtstore.query.request.request import SeriesRequest
from mtstore.query.request.result import mapped_errors
from mtstore.store import Store

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from mtstore.bounds import BoundLike
    from mtstore.config import TickerSettings

TIMEZONE: Final = "America/New_York"
"""The zone of the index and of naive bounds."""

_DEFAULT_SOURCE: Final = "polygon"


class UnifiedDataLoader:
    """One ticker's bars at a time, from the store; if the configuration names vendors, what it lacks is fetched first.

    Parameters
    ----------
    settings
        A configuration (mapping, path or `Config`), as `config`; or an object that has the store's path as `store`,
        `cache_dir` or `data_dir`.
    config, config_path
        A configuration, or the path of one; `config` goes first, then `config_path`, then `settings`.
    data_source
        The source to read, by its name or its vendor's, for tickers whose configuration names none. `polygon`, which is
        the default, is no more than a preference: where nothing of it is stored, the only source there is is read.
    cache_enabled
        False is superseded: the store is what is read.
    default_timeframe
        The interval where no other is given: `1min`, `5min`, `1h`, `1d` …
    store, fetching
        An open store, and what fetches for it, of another loader.

    Raises
    ------
    ConfigError
        The configuration cannot be right.
    StoreNotFoundError
        There is no store at the configured path.
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
        fetching: Fetching | None = None,
    ) -> None:
        self.config = load_config(as_config(settings, config, config_path))
        self._fetching = fetching or Fetching(self.config, confirm_cost=None, shows_progress=True)
        self.data_source = data_source
        self.default_timeframe = read_timeframe(default_timeframe)
        self._resources = ExitStack()
        self._store = store or self._open_store()
        if not cache_enabled:
            _warn_of_cache("cache_enabled=False")

    @property
    def store(self) -> Store:
        """The store that is read."""
        return self._store

    def load_data(
        self,
        *arguments: Any,
        symbol: str | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        data_type: str = "ohlcv",
    ) -> pd.DataFrame:
        """`load_data([symbol,] start, end)`: one ticker's bars at the default timeframe.

        Parameters
        ----------
        symbol
            The ticker; without one the first of the configured universe.
        start, end
            As in `load_ohlcv`.
        data_type
            Only `ohlcv`.

        Returns
        -------
        pandas.DataFrame
            As `load_ohlcv`, and so are the errors.
        """
        if data_type != "ohlcv":
            raise InputError(f"data_type {data_type!r} is not ohlcv; trades and quotes are not stored")
        given = range_arguments(arguments, symbol, start, end)
        return self.load_ohlcv(given["symbol"] or self._default_symbol(), given["start"], given["end"])

    def load_ohlcv(
        self,
        symbol: str,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        timeframe: str | None = None,
        use_cache: bool | None = None,
    ) -> pd.DataFrame:
        """One ticker's bars.

        Parameters
        ----------
        start, end
            Dates take whole sessions, the end date included; instants are half-open; naive times are wall time in New
            York. None: as far as anything is stored.
        timeframe
            The interval; None takes the default.
        use_cache
            False is superseded: the store is what is read.

        Returns
        -------
        pandas.DataFrame
            Index `timestamp` in America/New_York; columns open, high, low, close, volume, vwap, transactions. The
            regular session alone, unless `alignment.session` is `all`.

        Raises
        ------
        InputError
            A ticker that is neither configured nor stored, a timeframe or bounds that cannot be read, a source of which
            nothing is stored.
        MissingDataError
            The store does not cover the range, and `on_missing` is `raise`.
        """
        if use_cache is False:
            _warn_of_cache("use_cache=False")
        alignment = self.config.multi_ticker.alignment
        wanted_tickers(self.config, self._store, ticker_name(symbol, "symbol"))
        fetched = self._fetching.fetch(self._store, [symbol], start, end)
        with sight(self._store.repository, self.config) as facts, mapped_errors():
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
            missing = missing_ranges(facts, call, fetched)
            text = missing_sentence(facts, self.config, self._store.path, call, missing)
            frame = ticker_frame(facts, call)
        self._store.repository.last_used.record([symbol], *call.bounds.covering_us())
        for told, category in fetch_warnings(fetched):
            warnings.warn(told, category, stacklevel=2)
        if text is not None:
            warnings.warn(text, stacklevel=2)
        return frame

    def load(
        self, symbol: str, start: BoundLike = None, end: BoundLike = None, timeframe: str | None = None
    ) -> pd.DataFrame:
        """The same as `load_ohlcv`."""
        return self.load_ohlcv(symbol, start, end, timeframe=timeframe)

    def get_data_info(self, symbol: str) -> dict[str, Any]:
        """What is stored of a ticker, and nothing of one that nobody knows.

        Keys: symbol, is_available, rows, bytes, start and end (the first and last bar's open, in America/New_York),
        sources, schemas, calendar.
        """
        import pandas as pd

        ticker_name(symbol, "symbol")
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

    def close(self) -> None:
        """Let go of the store, if this loader opened it."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(store {str(self._store.path)!r})"

    def _open_store(self) -> Store:
        """The configured store; where there are vendors, one that is made if need be, and goes if nothing is kept."""
        path = self.config.store_path
        if self._fetching.is_active and not self.config.multi_ticker.cache.enabled:
            path, delete = temporary_store(self)
            self._resources.callback(delete)
        return self._resources.enter_context(Store.open(path, create=self._fetching.is_active))

    def _default_symbol(self) -> str:
        if not self.config.universe:
            raise InputError("load_data needs a symbol: the configuration has no tickers")
        return self.config.universe[0]

    def _from_source(self, connection: duckdb.DuckDBPyConnection, symbol: str) -> str | None:
        """The source to read; None where the configuration, or what is stored, decides."""
        if self.config.ticker(symbol).data_source is not None:
            return None
        series = known_series(connection, symbol)
        if any(self.data_source in {one["source"], one["provider"]} for one in series):
            return self.data_source
        if self.data_source != _DEFAULT_SOURCE and series:
            stored = ", ".join(sorted({one["source"] for one in series}))
            raise InputError(
                f"nothing of {symbol!r} is stored from data_source {self.data_source!r}; there is {stored}"
            )
        return None


class TickerDataLoader(UnifiedDataLoader):
    """The loader of one configured ticker, at its own interval, session and source.

    Parameters
    ----------
    ticker
        The ticker; it need not belong to the universe.
    config
        The configuration, as `MultiTickerDataLoader` takes it.
    store, fetching
        An open store to use instead of the configured one, and what fetches for it.

    Attributes
    ----------
    ticker
        Its name.
    ticker_settings
        What holds for it, after all layers of the configuration.
    """

    def __init__(
        self,
        ticker: str,
        config: str | PathLike[str] | Mapping[str, Any] | Config,
        *,
        store: Store | None = None,
        fetching: Fetching | None = None,
    ) -> None:
        checked = load_config(config)
        self.ticker = ticker_name(ticker)
        self.ticker_settings: TickerSettings = checked.ticker(ticker)
        super().__init__(
            config=checked, default_timeframe=self.ticker_settings.bar_interval, store=store, fetching=fetching
        )

    def load_ohlcv(
        self,
        symbol: str | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        timeframe: str | None = None,
        use_cache: bool | None = None,
    ) -> pd.DataFrame:
        """This ticker's bars; see `UnifiedDataLoader.load_ohlcv`. Another symbol is an error."""
        if symbol is not None and symbol != self.ticker:
            raise InputError(f"this loader is of {self.ticker!r}, not of {symbol!r}")
        return super().load_ohlcv(self.ticker, start, end, timeframe=timeframe, use_cache=use_cache)

    def load(
        self,
        symbol: str | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        timeframe: str | None = None,
    ) -> pd.DataFrame:
        """The same as `load_ohlcv`."""
        return self.load_ohlcv(symbol, start, end, timeframe=timeframe)

    def get_data_info(self, symbol: str | None = None) -> dict[str, Any]:
        """What is stored of this ticker; see `UnifiedDataLoader.get_data_info`."""
        return super().get_data_info(symbol or self.ticker)

    def __repr__(self) -> str:
        return f"TickerDataLoader({self.ticker!r}, store {str(self._store.path)!r})"

    def _default_symbol(self) -> str:
        return self.ticker


def _warn_of_cache(what: str) -> None:
    warnings.warn(
        f"{what} is superseded: the store is what is read; CacheManager.invalidate has data fetched anew",
        DeprecationWarning,
        stacklevel=3,
    )
