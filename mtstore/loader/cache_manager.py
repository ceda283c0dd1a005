"""`CacheManager`: cache single tickers' bars in a store."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.arguments import check_number, ticker_name
from mtstore.bounds import parse_bounds
from mtstore.config import Config, load_config
from mtstore.ingest.files.report import IngestWarning
from mtstore.ingest.run_record import start_run
from mtstore.loader.cache.choose_series import check_series, choose_series, known_series, range_of, whole_config
from mtstore.loader.cache.freshness import fresh_ranges, ledger_segments
from mtstore.loader.cache.invalidate import stale_rows
from mtstore.loader.cache.session_notes import check_sessions
from mtstore.loader.cache.to_batch import to_batch
from mtstore.loader.frames.read_bars import read_rows
from mtstore.loader.frames.rejected_rows import rejection_message
from mtstore.loader.load.open_store import StoreHolder
from mtstore.query.cache.cache_limits import PruneResult, enforce_cache_limits
from mtstore.query.request.result import mapped_errors
from mtstore.query.table.pandas_frames import long_frame
from mtstore.ranges import subtract
from mtstore.sqlfiles import identifier
from mtstore.storage.commit.coverage_ledger import Freshness
from mtstore.storage.settings.pins import check_cached, pin
from mtstore.storage.views.view_texts import view_name
from mtstore.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.bounds import BoundLike


class CacheManager(StoreHolder):
    """Cache bars in a store: `cache_data` writes a range, `get_cached_data` returns it while it is fresh.

    Every loader and SQL client reads the same bars, and any number of processes and threads may read and write at once.
    `ttl_days` and `settle_days` decide how long a range stays fresh. Beyond `max_size_gb`, a write warns; `prune`
    deletes.

    Parameters
    ----------
    config
        A configuration (a mapping or a path, whole or only `multi_ticker`), or the inside of its section `cache`. The
        store is at `multi_ticker.store`, else at `cache.cache_dir`, and is created if it does not exist.
    store
        An open store to use instead.

    Raises
    ------
    ConfigError
        The configuration is invalid; all problems are listed.
    """

    def __init__(
        self, config: str | PathLike[str] | Mapping[str, Any] | Config | None = None, *, store: Store | None = None
    ) -> None:
        self.config = load_config(whole_config(config))
        self._resources = ExitStack()
        self._store = store or self._resources.enter_context(Store.open(self.config.store_path, create=True))
        self._guard = threading.Lock()
        self._hits = self._misses = 0

    def get_cached_data(
        self,
        ticker: str,
        start: BoundLike,
        end: BoundLike,
        *,
        source: str | None = None,
        schema: str | None = None,
    ) -> pd.DataFrame | None:
        """Return one ticker's stored bars, or None unless the whole range is covered and fresh.

        Days without a session of the ticker's calendar need no coverage.

        Parameters
        ----------
        start, end
            Dates are whole days of `alignment.timezone`, the end date included (an overnight session begins the evening
            before); instants are half-open; naive times are in that zone.
        source
            A source by its name or its vendor's; None: the configured one, else the only stored one.
        schema
            `ohlcv-1m` …; None: the finest stored one.

        Returns
        -------
        pandas.DataFrame or None
            Index `timestamp` in `alignment.timezone`; the columns of bars, raw, in the session or not. No rows where
            the range was cached as empty.

        Raises
        ------
        InputError
            Several sources match, or an invalid source or schema. RangeError: invalid bounds, or an open end.
        """
        bounds = parse_bounds(start, end, tz=self._tz)
        ticker_name(ticker)
        check_series(source, schema)
        if not self.config.multi_ticker.cache.enabled:
            return self._count(None)
        repository = self._store.repository
        with repository.connection() as connection, mapped_errors():
            configured = self.config.ticker(ticker).data_source
            series = choose_series(known_series(connection, ticker), ticker, source, schema, configured)
            if series is None:
                return self._count(None)
            sessions, within = range_of(connection, ticker, series, bounds, self.config)
            segments = ledger_segments(connection, ticker, series["source"], series["schema"])
            if subtract(sessions.busy(within), fresh_ranges(segments, within, time.time_ns() // 1_000)):
                return self._count(None)
            given = {"ticker": ticker, "source": series["source"]}
            given |= {"start_us": within.start_us, "end_us": within.end_us}
            statement = sqlfiles.load("cache.bars", view=identifier(view_name(series["schema"])))
            rows = connection.sql(statement, params=given).to_arrow_table()
        repository.last_used.record([ticker], within.start_us, within.end_us)
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
        """Store `data` as the complete bars of a range; they replace what is stored there.

        Coverage ends with the last closed bar, so a range that reaches into the future is fetched again.

        Parameters
        ----------
        data
            Bars: a DatetimeIndex (naive: in `alignment.timezone`) and columns open, high, low, close, volume;
            optionally vwap and transactions. No rows: the range is empty. Invalid rows go to the view `quarantine`,
            with a warning, and their part of the range is not covered. Bars that miss the sessions of their calendar
            are stored with an IngestWarning.
        start, end
            The range, as in `get_cached_data`.
        source
            The source's name; None: the configured one, else the ticker's only stored one, else `own`.
        schema
            The schema of the bars; None infers it from the rows.

        Raises
        ------
        InputError
            An invalid frame, a missing column, rows outside the range, or an unknown bar width.
        SourceMismatchError
            The source's name is bound to another vendor or dataset.
        StoreLockedError
            Another process wrote for longer than the timeout.
        """
        bounds = parse_bounds(start, end, tz=self._tz)
        ticker_name(ticker)
        check_series(source, schema)
        settings = self.config.multi_ticker.cache
        if not settings.enabled:
            return
        rows = read_rows(data, repr(ticker), naive_as=self._tz)
        with self._store.repository.connection() as connection:
            batch = to_batch(connection, self.config, ticker, rows, bounds, source=source, schema=schema)
        freshness = Freshness(settings.ttl_days, settings.settle_days)
        run = start_run("cache", {"ticker": ticker, "range": str(bounds)})
        writing = self._store.repository.writer(
            "cache", freshness=freshness, run_id=run.run_id, is_compressed=settings.compression
        )
        sessions = check_sessions(self._store.repository, self.config, batch, data)
        with writing as writer:
            writer.add(batch)
            for observed in sessions.rows():
                writer.record("observed_calendars", observed)
            rejected = writer.totals.quarantined_rows
            status = "incomplete" if rejected else "complete"
            row = run.row(status=status, tickers=1, files=0, rows=writer.totals.rows, quarantined_rows=rejected)
            writer.record("ingest_runs", row)
        if batch.quarantined is not None:
            text = rejection_message(ticker, batch.quarantined, len(rows.us), "the view quarantine")
            warnings.warn(text, stacklevel=2)
        for note in sessions.notes():
            warnings.warn(note, IngestWarning, stacklevel=2)
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
        """Mark cached ranges as stale, so that they are fetched again; bars stay until newer ones replace them.

        Parameters
        ----------
        ticker
            None: all tickers.
        start, end
            Both or neither; None: all ranges.
        source, schema
            Only these; None: all.

        Returns
        -------
        int
            The number of series that were fresh, at least in part.

        Raises
        ------
        TickerError
            The ticker was never stored or requested.
        """
        bounds = None if start is None and end is None else parse_bounds(start, end, tz=self._tz)
        if ticker is not None:
            check_cached(self._store.repository, ticker_name(ticker))
        check_series(source, schema)
        with self._store.repository.connection() as connection:
            rows = list(stale_rows(connection, self.config, ticker, bounds, source=source, schema=schema))
        now = datetime.now(UTC)
        with self._store.repository.writer("cache invalidate") as writer:
            for row in rows:
                writer.record("coverage_ledger", row | {"run_id": writer.run_id, "fetched_at": now, "fresh_until": now})
        return len({(*row["tickers"], row["source"], row["schema"]) for row in rows})

    def prune(self, *, max_size_gb: float | None = None) -> PruneResult:
        """Delete cached results, then, with `cache.evict: refetchable`, fetched bars, until the store fits its limit.

        The least recently used go first, with their coverage. Pinned tickers and bars from files stay. `max_size_gb`
        None is the configured limit; a negative one is an InputError.
        """
        if max_size_gb is not None:
            check_number("max_size_gb", max_size_gb)
        limit = None if max_size_gb is None else int(max_size_gb * 1e9)
        return enforce_cache_limits(self._store.repository, self.config, limit)

    def pin(self, *tickers: str) -> list[str]:
        """Exempt tickers from eviction, and return all pinned ones; an unknown ticker is an InputError."""
        return pin(self._store.repository, tickers)

    def unpin(self, *tickers: str) -> list[str]:
        """Undo `pin`, and return all pinned tickers; a ticker that is not pinned is an InputError."""
        return pin(self._store.repository, tickers, is_pinned=False)

    def entries(self) -> pd.DataFrame:
        """Return one row per series with sizes, ages, staleness and last use; the view `cache_index`."""
        return self._store.sql("FROM cache_index ORDER BY ticker, source, schema").to_pandas()

    def stats(self) -> dict[str, Any]:
        """Return totals: path, series, rows, bytes, stale_series, max_bytes, hits, misses, hit_rate …"""
        totals: dict[str, Any] = self._store.sql(sqlfiles.load("cache.totals")).to_arrow().to_pylist()[0]
        with self._guard:
            hits, misses = self._hits, self._misses
        return {
            "path": str(self._store.path),
            **totals,
            "max_bytes": int(self.config.multi_ticker.cache.max_size_gb * 1e9),
            "hits": hits,
            "misses": misses,
            "hit_rate": hits / (hits + misses) if hits + misses else 0.0,
        }

    @property
    def _tz(self) -> str:
        return self.config.multi_ticker.alignment.timezone

    def _count(self, found: pd.DataFrame | None) -> pd.DataFrame | None:
        with self._guard:
            self._hits += found is not None
            self._misses += found is None
        return found

    def _warn_of_size(self) -> None:
        totals = self.stats()
        if totals["bytes"] > totals["max_bytes"]:
            warnings.warn(
                f"{self._store.path} has {totals['bytes'] / 1e9:.2f} GB, more than max_size_gb "
                f"{self.config.multi_ticker.cache.max_size_gb:g}; delete some with prune()",
                stacklevel=3,
            )
