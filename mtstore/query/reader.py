"""The methods of a store that read bars, series, wide tables and tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.query.request.result import Parameters, Result
from mtstore.query.sandbox.user_query import QueryLimits, UserQuery

if TYPE_CHECKING:
    from mtstore.bounds import BoundLike
    from mtstore.query.align.tensor import Tensor
    from mtstore.query.series import Aligned, Series
    from mtstore.storage.repository import Repository


class Reader:
    """The methods of a store that read. A result's statement runs when the result is read.

    Bars are stored raw, in UTC, labelled by their open. The SQL in `sql/` defines what is computed from them.

    Attributes
    ----------
    repository
        The store on disk, for mtstore's own code.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def sql(
        self,
        query: str,
        params: Parameters = None,
        *,
        timeout_seconds: float | None = None,
        memory_limit: str | int | None = None,
        unsafe: bool = False,
    ) -> Result:
        """Return the rows of one statement over the store's views and macros.

        It can read the store and nothing else; `mtstore.query.sandbox.statement_check` lists the allowed statements.

        Parameters
        ----------
        query
            One SELECT, WITH, FROM, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN statement.
        params
            Values of its parameters: a sequence for `?` and `$1`, a mapping for `$name`.
        timeout_seconds
            When the statement is interrupted; None: never.
        memory_limit
            The limit of DuckDB's memory and of the result's bytes, such as `2GB`; None: the store's limit.
        unsafe
            Allow any statement, with this process's rights to read and write files.

        Raises
        ------
        InputError
            The query is not text, or params or a limit are not valid. When the result is read: QueryError if the
            statement is not allowed, fails or takes too long, and MemoryLimitError.

        Examples
        --------
        >>> store.sql("SELECT count(*) FROM bars WHERE ticker = ?", ["AAPL"]).fetchall()  # doctest: +SKIP
        """
        return UserQuery(self.repository, query, params, QueryLimits(timeout_seconds, memory_limit, unsafe))

    def bars(
        self,
        tickers: str | Iterable[str] | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        schema: str | None = None,
        source: str | None = None,
        session: str = "all",
        tz: str | None = None,
    ) -> Series:
        """Return stored bars as the view `bars` has them: raw prices, every series, in order of series and time.

        Parameters
        ----------
        tickers
            One, several, or None for all.
        start, end
            Dates take whole sessions, the end date included; instants are half-open; naive times are wall time in
            `tz`. None: unbounded.
        schema, source
            Only these series (`ohlcv-1m`, `polygon`).
        session
            `all`, or `regular` for the bars within regular hours.
        tz
            IANA zone of naive bounds and of pandas' instants; None: the applied configuration's, or New York.

        Raises
        ------
        TickerError
            A ticker has no stored bars. RangeError: bounds that cannot be read.

        Examples
        --------
        >>> store.bars("AAPL", "2023-01-03", "2023-01-31").to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.series import stored_bars

        return stored_bars(self.repository, tickers, start, end, schema=schema, source=source, session=session, tz=tz)

    def resample(
        self,
        tickers: str | Iterable[str] | None,
        interval: str | timedelta,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        session: str | None = None,
        anchor: str = "session",
        tz: str | None = None,
        adjust: str | None = None,
        partial: str | None = None,
        source: str | None = None,
        schema: str | None = None,
    ) -> Series:
        """Return bars of another interval, one row per ticker and bucket: the macro `resampled`.

        Parameters
        ----------
        tickers
            One, several, or None for the configured universe, else all.
        interval
            `30s`, `5min`, `1h`, `1d`, `1w`, `1mo` or a timedelta.
        start, end
            As in `bars`.
        session
            `regular` or `all`.
        anchor
            Where buckets begin: `session`, `midnight` (in `tz`) or `epoch`.
        tz
            IANA zone of naive bounds and of pandas' instants.
        adjust
            Prices adjusted for `none`, `splits` or `all` (dividends too). A dividend is taken off the last close before
            its ex-date, after a split of that date; one that is as high as that close adjusts nothing, with a warning.
        partial
            Buckets that reach beyond the range: `drop` leaves them out, `cut` computes them from the range's own bars.
        source, schema
            The stored series to read; None: the configured ones, else the best fit.

        session, tz, adjust and partial default to those of `mtstore config apply`, else to regular, New York, none and
        drop.

        Raises
        ------
        InputError
            An argument is not valid. When the result is read: QueryError for unknown tickers and for intervals that
            the stored bars do not divide.

        Examples
        --------
        >>> store.resample(["AAPL", "MSFT"], "1h", "2023-01-03", "2023-01-31").to_arrow()  # doctest: +SKIP
        """
        from mtstore.query.series import request_options, resampled

        options = request_options(
            session=session,
            anchor=anchor,
            tz=tz,
            adjust=adjust,
            partial=partial,
            from_source=source,
            from_schema=schema,
        )
        return resampled(self.repository, tickers, interval, start, end, options=options)

    def align(
        self,
        tickers: str | Iterable[str] | None,
        interval: str | timedelta,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        method: str | None = None,
        fill_volume: str | None = None,
        fill_prices: str | None = None,
        max_age: timedelta | str | None = "applied",
        across_sessions: bool | None = None,
        lookback: timedelta | str | None = None,
        fill: str = "none",
        session: str | None = None,
        anchor: str = "session",
        tz: str | None = None,
        adjust: str | None = None,
        partial: str | None = None,
        source: str | None = None,
        schema: str | None = None,
    ) -> Aligned:
        """Return several tickers on one grid; `to_pandas()` is wide, other formats have a row per ticker and bucket.

        Parameters
        ----------
        method
            `outer_join` (union of the buckets), `inner_join` (intersection), `forward_fill` (union, last prices carried
            forward) or `grid` (the calendar's complete grid).
        fill_volume
            Volume and transactions of filled rows: `zero`, `ffill` or `null`.
        fill_prices
            `own` (each price column carries its last value) or `close` (flat bars at the last close).
        max_age
            Values older than this are not carried, such as `30min`; None: no limit; `applied`: the configuration's.
        across_sessions
            Whether values are carried from one session into the next.
        lookback
            How long before `start` a first value may be.
        fill
            Whether the method `grid` fills: `none` or `forward`.

        The others are as in `resample`, and so are the errors. What is None is the applied configuration's, else
        outer_join, zero, own and True.

        Examples
        --------
        >>> store.align(["AAPL", "MSFT"], "5min", "2023-01-03", "2023-01-31").to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.series import Aligned, align_request, request_options

        options = request_options(
            method=method,
            fill_volume=fill_volume,
            fill_prices=fill_prices,
            max_age=max_age,
            across_sessions=across_sessions,
            lookback=lookback,
            fill=fill,
            session=session,
            anchor=anchor,
            tz=tz,
            adjust=adjust,
            partial=partial,
            from_source=source,
            from_schema=schema,
        )
        return Aligned(self.repository, align_request(self.repository, tickers, interval, start, end, options=options))

    def tensor(
        self,
        tickers: str | Iterable[str] | None,
        interval: str | timedelta = "1min",
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        fields: str | Sequence[str] | None = None,
        dtype: Any = "float64",
        mmap: bool = False,
        memory_limit: str | int | None = None,
        fill: str = "none",
        fill_volume: str | None = None,
        fill_prices: str | None = None,
        max_age: timedelta | str | None = "applied",
        across_sessions: bool | None = None,
        lookback: timedelta | str | None = None,
        session: str | None = None,
        anchor: str = "session",
        tz: str | None = None,
        adjust: str | None = None,
        partial: str | None = None,
        source: str | None = None,
        schema: str | None = None,
    ) -> Tensor:
        """Return `values [T, N, F], mask [T, N], index, tickers` on the calendar's grid: the macro `aligned_grid`.

        Parameters
        ----------
        fields
            One or several of open, high, low, close, volume (the default), vwap, transactions, bar_count.
        dtype
            `float64` or `float32`.
        mmap
            Map the values read-only from a file under `derived/` that all processes share. They may exceed the memory.
            (`torch.from_numpy` warns that such an array is not writable.)
        memory_limit
            The limit of a tensor in memory, such as `2GB`, or a number of bytes; None: four fifths of what is free.
        fill
            `forward` carries values forward, as the fill parameters of `align` say.

        The others are as in `align`.

        Raises
        ------
        MemoryLimitError
            It would take more than `memory_limit`. Others as `align`.

        Examples
        --------
        >>> tensor = store.tensor(["AAPL", "MSFT"], "1min", "2023-01-03", "2023-01-31")  # doctest: +SKIP
        """
        from mtstore.query.align.tensor import build_tensor
        from mtstore.query.series import align_request, request_options

        options = request_options(
            method="grid",
            fill_volume=fill_volume,
            fill_prices=fill_prices,
            max_age=max_age,
            across_sessions=across_sessions,
            lookback=lookback,
            fill=fill,
            session=session,
            anchor=anchor,
            tz=tz,
            adjust=adjust,
            partial=partial,
            from_source=source,
            from_schema=schema,
        )
        request = align_request(self.repository, tickers, interval, start, end, options=options)
        return build_tensor(self.repository, request, fields, dtype=dtype, mmap=mmap, memory_limit=memory_limit)

    def gaps(
        self,
        tickers: str | Iterable[str] | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        interval: str | timedelta = "1min",
        max_gap_minutes: float | None = None,
        tz: str | None = None,
        source: str | None = None,
        schema: str | None = None,
    ) -> Series:
        """Return runs of missing in-session bars longer than a limit, with their reason: the macro `gaps`.

        `interval` is the width of an expected bar. `max_gap_minutes` None is each ticker's configured limit, else the
        default (5). The others, and the errors, are as in `resample`.

        Examples
        --------
        >>> store.gaps(["AAPL"], "2023-01-03", "2023-01-31", max_gap_minutes=5).to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.quality import find_rows
        from mtstore.query.series import request_options

        options = request_options(interval=interval, tz=tz, from_source=source, from_schema=schema)
        limits = {"max_gap_minutes": max_gap_minutes}
        return find_rows(self.repository, "gaps", tickers, start, end, options=options, limits=limits)

    def outliers(
        self,
        tickers: str | Iterable[str] | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        interval: str | timedelta = "1min",
        std_threshold: float | None = None,
        trailing_bars: int | None = None,
        method: str = "standard",
        session: str | None = None,
        tz: str | None = None,
        source: str | None = None,
        schema: str | None = None,
    ) -> Series:
        """Return bars whose log return is far from the ticker's others: the macro `outliers`.

        `std_threshold` None is each ticker's configured threshold, else the default (3). `trailing_bars` n compares
        with the n returns before a bar and nothing later; bars with fewer before them are left out. `method` is
        `standard` or `robust`. The others, and the errors, are as in `resample`.

        Examples
        --------
        >>> store.outliers(["AAPL"], "2023-01-03", "2023-01-31", trailing_bars=390).to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.quality import find_rows
        from mtstore.query.series import request_options

        options = request_options(interval=interval, session=session, tz=tz, from_source=source, from_schema=schema)
        limits = {"std_threshold": std_threshold, "trailing_bars": trailing_bars, "method": method}
        return find_rows(self.repository, "outliers", tickers, start, end, options=options, limits=limits)

    def quality(
        self,
        tickers: str | Iterable[str] | None = None,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        interval: str | timedelta = "1min",
        max_gap_minutes: float | None = None,
        std_threshold: float | None = None,
        tz: str | None = None,
        source: str | None = None,
        schema: str | None = None,
    ) -> Series:
        """Return expected and present bars, gaps, outliers and more by ticker and session: the macro `quality`.

        Limits and errors are as in `gaps` and `outliers`.

        Examples
        --------
        >>> store.quality(["AAPL"], "2023-01-03", "2023-01-31").to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.quality import find_rows
        from mtstore.query.series import request_options

        options = request_options(interval=interval, tz=tz, from_source=source, from_schema=schema)
        limits = {"max_gap_minutes": max_gap_minutes, "std_threshold": std_threshold}
        return find_rows(self.repository, "quality", tickers, start, end, options=options, limits=limits)

    def reconcile(
        self,
        tickers: str | Iterable[str] | None,
        source_a: str,
        source_b: str,
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        interval: str | timedelta = "1min",
        by: str = "bucket",
        price_tolerance: float = 0.0,
        session: str | None = None,
        tz: str | None = None,
        adjust: str | None = None,
        schema: str | None = None,
    ) -> Series:
        """Return the bars of two sources side by side: the macros `reconcile` and `reconcile_sessions`.

        `by` is `bucket`, a row per bucket that either source has, or `session`, a summary per ticker and session.
        `price_tolerance` is a share of source_a's price: 0.001 is 0.1 %. The others, and the errors, are as in
        `resample`.

        Examples
        --------
        >>> store.reconcile("AAPL", "polygon", "databento", "2023-01-03", "2023-01-31", by="session")  # doctest: +SKIP
        """
        from mtstore.query.quality import reconciled
        from mtstore.query.series import request_options

        options = request_options(interval=interval, session=session, tz=tz, adjust=adjust, from_schema=schema)
        compared = {"source_a": source_a, "source_b": source_b, "price_tolerance": price_tolerance}
        return reconciled(self.repository, tickers, start, end, by=by, compared=compared, options=options)

    def status(self) -> Result:
        """Return a row per stored series: ticker, source, schema, rows, files, bytes, first and last bar, calendar."""
        return Result(self.repository, sqlfiles.load("snapshot.status"))

    def tickers(self) -> list[str]:
        """Return the names of the tickers that have bars, in order: a list, not a Result."""
        return [row[0] for row in Result(self.repository, sqlfiles.load("settings.stored_tickers")).fetchall()]
