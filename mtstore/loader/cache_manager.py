"""`CacheManager`: one ticker's bars in and out of the store, which is the cache."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from mtstore import sqlfiles
from mtstore.arguments import check_number, ticker_name
from mtstore.bars import is_daily
from mtstore.bounds import Bounds, parse_bounds
from mtstore.calendars import FUTURES_CALENDARS
from mtstore.config import Config, load_config
from mtstore.ingest.run_record import start_run
from mtstore.loader.cache.choose_series import (
    binding_of,
    check_series_words,
    choose_series,
    known_series,
    lag_us,
    sessions_of,
    source_name,
    whole_config,
)
from mtstore.loader.cache.freshness import Sessions, fresh_ranges, ledger_segments, stale_rows
from mtstore.loader.cache.to_batch import shape_of, summary, to_answer
from mtstore.loader.frames.read_bars import read_rows
from mtstore.loader.frames.rejected_rows import rejection_message
from mtstore.query.cache.cache_limits import PruneResult, enforce_cache_limits
from mtstore.query.request.result import mapped_errors
from mtstore.query.table.pandas_frames import long_frame
from mtstore.ranges import TimeRange, subtract
from mtstore.sources.bar_grid import last_closed_us
from mtstore.sources.infer_bar_width import InferredWidth
from mtstore.sqlfiles import identifier
from mtstore.storage.commit.coverage_ledger import Freshness
from mtstore.storage.settings.pins import check_cached, pin
from mtstore.storage.views.view_texts import view_name
from mtstore.store import Store

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from mtstore.bounds import BoundLike


class CacheManager:
    """Caches bars in a store: `cache_data` says what a range holds, `get_cached_data` gives it back while it is fresh.

    What is cached is what every loader and every SQL client sees. Any number of processes and threads may read and
    write at once. Bars are kept as parquet, zstd unless `compression` is false; `ttl_days` and `settle_days` decide how
    long a range stays fresh. Going beyond `max_size_gb` warns; `prune` makes room.

    Parameters
    ----------
    config
        A configuration (a mapping, a path, whole or only `multi_ticker`), or the inside of its section `cache`. The
        store lies at `multi_ticker.store`, else at `cache.cache_dir`, and is made if there is none.
    store
        An open store to use instead.

    Raises
    ------
    ConfigError
        The configuration cannot be right; all problems are listed.
    """

    def __init__(
        self, config: str | PathLike[str] | Mapping[str, Any] | Config | None = None, *, store: Store | None = None
    ) -> None:
        self.config = load_config(whole_config(config))
        self._resources = ExitStack()
        self._store = store or self._resources.enter_context(Store.open(self.config.store_path, create=True))
        self._guard = threading.Lock()
        self._hits = self._misses = 0

    @property
    def store(self) -> Store:
        """The store that is the cache."""
        return self._store

    def get_cached_data(
        self,
        ticker: str,
        start: BoundLike,
        end: BoundLike,
        *,
        source: str | None = None,
        schema: str | None = None,
    ) -> pd.DataFrame | None:
        """One ticker's stored bars, or None unless the whole range is covered and fresh.

        Days on which the ticker's calendar has no session need no coverage.

        Parameters
        ----------
        start, end
            Dates are whole days of `alignment.timezone`, the end date included (an overnight session begins the evening
            before); instants are half-open; naive times are wall time there.
        source
            A source by its name or its vendor's; None takes the configured one, else the only one there is.
        schema
            `ohlcv-1m` …; None takes the finest there is.

        Returns
        -------
        pandas.DataFrame or None
            Index `timestamp` in `alignment.timezone`; the columns of bars, raw, in the session or not. Without rows
            where the range is known to have none.

        Raises
        ------
        InputError
            Several sources could be meant, or a word that names no source or schema. RangeError: bounds that cannot be
            read, or an open end.
        """
        bounds = self._bounds(start, end)
        ticker_name(ticker)
        check_series_words(source, schema)
        if not self.config.multi_ticker.cache.enabled:
            return self._count(None)
        with self._store.repository.connection() as connection, mapped_errors():
            configured = self.config.ticker(ticker).data_source
            series = choose_series(known_series(connection, ticker), ticker, source, schema, configured)
            if series is None:
                return self._count(None)
            sessions, asked = self._asked(connection, ticker, series, bounds)
            segments = ledger_segments(connection, ticker, series["source"], series["schema"])
            if subtract(sessions.busy(asked), fresh_ranges(segments, asked, _now_us())):
                return self._count(None)
            given = {"ticker": ticker, "source": series["source"]}
            given |= {"start_us": asked.start_us, "end_us": asked.end_us}
            statement = sqlfiles.load("cache.bars", view=identifier(view_name(series["schema"])))
            rows = connection.sql(statement, params=given).to_arrow_table()
        self._store.repository.last_used.record([ticker], asked.start_us, asked.end_us)
        return self._count(long_frame(rows, self._tz))

    def cache_data(
        self,
        ticker: str,
        data: pd.DataFrame,
        start: BoundLike,
        end: BoundLike,
        *,
        source: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Say that `data` is all there is of a ticker in a range; what was stored there before is replaced.

        Coverage ends with the last closed bar: a range that reaches into the future is asked for again.

        Parameters
        ----------
        data
            Bars: a DatetimeIndex (naive: wall time in `alignment.timezone`) and columns open, high, low, close, volume;
            vwap and transactions if there are any. A frame without rows says that there is nothing. Rows that no market
            can have made are kept aside in the view `quarantine`, with a warning, and their part of the range is not
            covered.
        start, end
            The range, as in `get_cached_data`.
        source
            The source's name; None takes the configured one, else the only one stored of the ticker, else `own`.
        schema
            What the bars are; None finds it out from the rows.

        Raises
        ------
        InputError
            A frame that cannot be read or lacks a column, rows outside of the range, bars whose width nobody knows.
        SourceMismatchError
            The source's name is bound to another vendor or dataset.
        StoreLockedError
            Another process wrote for longer than the timeout.
        """
        bounds = self._bounds(start, end)
        ticker_name(ticker)
        check_series_words(source, schema)
        if not self.config.multi_ticker.cache.enabled:
            return
        rows = read_rows(data, repr(ticker), naive_as=self._tz)
        configured = self.config.ticker(ticker).data_source
        with self._store.repository.connection() as connection:
            known = known_series(connection, ticker)
            binding = binding_of(connection, source_name(known, source, configured), self.config)
            stored = [
                InferredWidth(one["schema"], None, one["day_tz"] or "UTC")
                for one in known
                if one["source"] == binding.source
            ]
            width = shape_of(rows, ticker, self._tz, schema, stored)
            series = {"source": binding.source, "schema": width.schema, "day_tz": width.day_tz}
            _, asked = self._asked(connection, ticker, series, bounds)
        lag = lag_us(binding.source, self.config)
        closed_us = min(asked.end_us, last_closed_us(_now_us(), width.schema, width.day_tz, lag_us=lag))
        is_future = self.config.ticker(ticker).calendar in FUTURES_CALENDARS
        answer = to_answer(
            rows, ticker, width, binding, asked=asked, closed_us=closed_us, bounds=bounds, is_future=is_future
        )
        settings = self.config.multi_ticker.cache
        freshness = Freshness(settings.ttl_days, settings.settle_days)
        run = start_run("cache", {"ticker": ticker, "range": str(bounds)})
        writing = self._store.repository.writer(
            "cache", freshness=freshness, run_id=run.run_id, is_compressed=settings.compression
        )
        with writing as writer:
            writer.add(answer)
            writer.record("ingest_runs", run.row(**summary(writer.totals)))
        if answer.quarantined is not None:
            told = rejection_message(ticker, answer.quarantined, len(rows.us), "the view quarantine")
            warnings.warn(told, stacklevel=2)
        self._warn_of_size()

    def invalidate(
        self,
        ticker: str | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        source: str | None = None,
        schema: str | None = None,
    ) -> int:
        """Call what is cached stale, so that it is fetched again; the bars stay until newer ones replace them.

        Parameters
        ----------
        ticker
            None: all tickers.
        start, end
            Both or neither; None: everything of the ticker.
        source, schema
            Only these; None: all.

        Gives the number of series that were fresh, in part or whole, and are stale now. TickerError: nothing of
        `ticker` was ever stored or asked for.
        """
        bounds = self._bounds(start, end) if start is not None or end is not None else None
        if ticker is not None:
            check_cached(self._store.repository, ticker_name(ticker))
        check_series_words(source, schema)
        with self._store.repository.connection() as connection:
            rows = list(self._stale_rows(connection, ticker, bounds, source, schema))
        now = datetime.now(UTC)
        with self._store.repository.writer("cache invalidate") as writer:
            for row in rows:
                writer.record("coverage_ledger", row | {"run_id": writer.run_id, "fetched_at": now, "fresh_until": now})
        return len({(*row["tickers"], row["source"], row["schema"]) for row in rows})

    def prune(self, *, max_size_gb: float | None = None) -> PruneResult:
        """Make room: derived results go first, then, with `cache.evict: refetchable`, what a vendor can be asked for.

        What was used longest ago goes first; pinned tickers and what came from files stay. What goes loses its
        coverage, too. `max_size_gb` None is the configuration's; what is no number from 0 is an InputError.
        """
        if max_size_gb is not None:
            check_number("max_size_gb", max_size_gb)
        return enforce_cache_limits(
            self._store.repository, self.config, None if max_size_gb is None else int(max_size_gb * 1e9)
        )

    def pin(self, *tickers: str) -> list[str]:
        """Never evict the bars of these tickers; gives all that are pinned. InputError: one that nobody knows."""
        return pin(self._store.repository, tickers)

    def unpin(self, *tickers: str) -> list[str]:
        """Let tickers go that were pinned; gives all that are pinned. InputError: one that is not."""
        return pin(self._store.repository, tickers, is_pinned=False)

    def entries(self) -> pd.DataFrame:
        """One row per series: sizes, ages, when it goes stale, when it was last used; the view `cache_index`."""
        return self._store.sql("FROM cache_index ORDER BY ticker, source, schema").to_pandas()

    def stats(self) -> dict[str, Any]:
        """What the cache holds and how it did: path, series, rows, bytes, stale_series, max_bytes, hits, misses …"""
        totals: dict[str, Any] = self._store.sql(sqlfiles.load("cache.totals")).to_arrow().to_pylist()[0]
        with self._guard:
            counts = {"hits": self._hits, "misses": self._misses}
        asked = sum(counts.values())
        limit = int(self.config.multi_ticker.cache.max_size_gb * 1e9)
        rate = counts["hits"] / asked if asked else 0.0
        return {"path": str(self._store.path)} | totals | {"max_bytes": limit} | counts | {"hit_rate": rate}

    def close(self) -> None:
        """Let go of the store, if this manager opened it."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"CacheManager({str(self._store.path)!r})"

    @property
    def _tz(self) -> str:
        return self.config.multi_ticker.alignment.timezone

    def _bounds(self, start: BoundLike, end: BoundLike) -> Bounds:
        return parse_bounds(start, end, tz=self._tz)

    def _asked(
        self, connection: duckdb.DuckDBPyConnection, ticker: str, series: Mapping[str, Any], bounds: Bounds
    ) -> tuple[Sessions, TimeRange]:
        """The ticker's sessions, and the range as instants."""
        binding = binding_of(connection, series["source"], self.config)
        sessions = sessions_of(connection, ticker, binding, self.config)
        daily = is_daily(series["schema"])
        tz = series["day_tz"] if daily and series["day_tz"] else self._tz
        return sessions, sessions.range_of(bounds, tz, is_daily=daily)

    def _stale_rows(
        self,
        connection: duckdb.DuckDBPyConnection,
        ticker: str | None,
        bounds: Bounds | None,
        source: str | None,
        schema: str | None,
    ) -> Iterator[dict[str, Any]]:
        """Rows that say of each fresh answer again what it said, stale from now on."""
        names = [ticker]
        if ticker is None:
            names = [row[0] for row in connection.execute(sqlfiles.load("cache.tickers")).fetchall()]
        for name in filter(None, names):
            for series in known_series(connection, name):
                if schema not in {None, series["schema"]} or source not in {None, series["source"], series["provider"]}:
                    continue
                within = [] if bounds is None else [self._asked(connection, name, series, bounds)[1]]
                yield from stale_rows(connection, name, series, within, _now_us())

    def _count(self, found: pd.DataFrame | None) -> pd.DataFrame | None:
        with self._guard:
            self._hits += found is not None
            self._misses += found is None
        return found

    def _warn_of_size(self) -> None:
        totals = self.stats()
        if totals["bytes"] > totals["max_bytes"]:
            warnings.warn(
                f"{self._store.path} holds {totals['bytes'] / 1e9:.2f} GB, more than max_size_gb "
                f"{self.config.multi_ticker.cache.max_size_gb:g}; prune() makes room",
                stacklevel=3,
            )


def _now_us() -> int:
    return time.time_ns() // 1_000
