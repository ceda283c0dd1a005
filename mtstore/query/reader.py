"""Reading a store: SQL, stored bars, other intervals, aligned tables, tensors, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Unpack

from mtstore import sqlfiles
from mtstore.query.request.result import Parameters, Result
from mtstore.query.sandbox.user_query import QueryLimits, UserQuery

if TYPE_CHECKING:
    from mtstore.query.align.tensor import Tensor
    from mtstore.query.quality import QualityOptions
    from mtstore.query.series import Aligned, AlignOptions, Series, SeriesOptions
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
        timeout: float | None = None,
        memory_limit: str | int | None = None,
        unsafe: bool = False,
    ) -> Result:
        """One query over the store's views and macros, with `?` or `$name` parameters.

        It can read the store and nothing else; `mtstore.query.sandbox.statement_check` lists the allowed statements.

        Parameters
        ----------
        query
            One SELECT, WITH, FROM, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN statement.
        params
            Values of its parameters, a sequence for `?` and `$1`, a mapping for `$name`.
        timeout
            Seconds after which it is interrupted; None: never.
        memory_limit
            Most memory for DuckDB, and most bytes of the answer, such as `2GB`; None: the store's own limit.
        unsafe
            Let any statement run, with whatever this process may read and write.

        Raises
        ------
        InputError
            A query that is no text, params or a bound that cannot be right. When the result is read: QueryError if the
            statement may not run, is refused by DuckDB or takes too long, and MemoryLimitError.

        Examples
        --------
        >>> store.sql("SELECT count(*) FROM bars WHERE ticker = ?", ["AAPL"]).fetchall()  # doctest: +SKIP
        """
        return UserQuery(self.repository, query, params, QueryLimits(timeout, memory_limit, unsafe))

    def bars(
        self,
        tickers: str | Iterable[str] | None = None,
        start: Any = None,
        end: Any = None,
        *,
        schema: str | None = None,
        source: str | None = None,
        session: str = "all",
        tz: str | None = None,
    ) -> Series:
        """Stored bars as the view `bars` has them: raw prices, every stored series, in order of series and time.

        Parameters
        ----------
        tickers
            One, several, or None for all.
        start, end
            Bare dates take whole sessions, the end date included; instants are half-open; naive times are wall time in
            `tz`. None: as far as anything is stored.
        schema, source
            Only these series (`ohlcv-1m`, `polygon`).
        session
            `all`, or `regular` for the bars within the sessions' regular hours.
        tz
            IANA zone of naive bounds and of pandas' instants; None: the applied configuration's, or New York.

        Raises
        ------
        TickerError
            Nothing is stored of a ticker. RangeError: bounds that cannot be read.

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
        start: Any = None,
        end: Any = None,
        **options: Unpack[SeriesOptions],
    ) -> Series:
        """Bars in buckets of another width, one row per ticker and bucket: the macro `resampled`.

        `start` and `end` as in `bars`; `options` are session, anchor, tz, adjust, from_source and from_schema (see
        `mtstore.query.request.request.SeriesRequest`). What is left out is as `mtstore config apply` published it.

        Raises
        ------
        InputError
            A word, interval, range or zone that cannot be right. When it is read: QueryError for unknown tickers and
            intervals that the stored bars cannot give.

        Examples
        --------
        >>> store.resample(["AAPL", "MSFT"], "1h", "2023-01-03", "2023-01-31").to_arrow()  # doctest: +SKIP
        """
        from mtstore.query.series import resampled

        return resampled(self.repository, tickers, interval, start, end, options=options)

    def align(
        self,
        tickers: str | Iterable[str] | None,
        interval: str | timedelta,
        start: Any = None,
        end: Any = None,
        *,
        method: str | None = None,
        **options: Unpack[AlignOptions],
    ) -> Aligned:
        """Several tickers on one grid; `to_pandas()` is wide, everything else one row per ticker and bucket.

        `method` is `outer_join`, `inner_join`, `forward_fill` or `grid` (the calendar's complete grid); None takes the
        applied configuration's, or `outer_join`. `options` are those of `resample`, and fill_volume, fill_prices,
        max_age, across_sessions, lookback and fill (see `mtstore.query.request.request.AlignRequest`). Errors as in
        `resample`.

        Examples
        --------
        >>> store.align(["AAPL", "MSFT"], "5min", "2023-01-03", "2023-01-31").to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.series import aligned

        return aligned(self.repository, tickers, interval, start, end, method=method, options=options)

    def tensor(
        self,
        tickers: str | Iterable[str] | None,
        start: Any = None,
        end: Any = None,
        interval: str | timedelta = "1min",
        fields: str | Sequence[str] | None = None,
        *,
        dtype: Any = "float64",
        mmap: bool = False,
        memory_limit: str | int | None = None,
        **options: Unpack[AlignOptions],
    ) -> Tensor:
        """`values [T, N, F], mask [T, N], index, tickers` on the calendar's complete grid: the macro `aligned_grid`.

        Parameters
        ----------
        fields
            One or several of open, high, low, close, volume (the default), vwap, transactions, bar_count.
        dtype
            `float64` or `float32`.
        mmap
            Map the values read-only from the store's folder `derived/`, where they are made once for all processes;
            they may then be larger than memory. (`torch.from_numpy` warns that such an array cannot be written.)
        memory_limit
            Most that a tensor in memory may take, such as `2GB`, or a number of bytes; None: four fifths of what is
            free.
        options
            As in `align`; `fill="forward"` carries values forward.

        Raises
        ------
        MemoryLimitError
            It would take more than `memory_limit`. Else as `align`.

        Examples
        --------
        >>> values, mask, index, names = store.tensor(["AAPL", "MSFT"], "2023-01-03", "2023-01-31")  # doctest: +SKIP
        """
        from mtstore.query.align.tensor import build_tensor
        from mtstore.query.series import align_request

        call = align_request(self.repository, tickers, interval, start, end, method="grid", options=options)
        return build_tensor(self.repository, call, fields, dtype=dtype, mmap=mmap, memory_limit=memory_limit)

    def gaps(
        self,
        tickers: str | Iterable[str] | None = None,
        start: Any = None,
        end: Any = None,
        *,
        max_gap_minutes: float | None = None,
        **options: Unpack[QualityOptions],
    ) -> Series:
        """Runs of missing in-session bars longer than a limit, and why they are missing: the macro `gaps`.

        `max_gap_minutes` None takes each ticker's configured limit, else the configured default (5). `options` are
        interval (the width of an expected bar, `1min`), tz, from_source and from_schema. Errors as in `resample`.

        Examples
        --------
        >>> store.gaps(["AAPL"], "2023-01-03", "2023-01-31", max_gap_minutes=5).to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.quality import gaps

        return gaps(self.repository, tickers, start, end, max_gap_minutes=max_gap_minutes, options=options)

    def outliers(
        self,
        tickers: str | Iterable[str] | None = None,
        start: Any = None,
        end: Any = None,
        *,
        std_threshold: float | None = None,
        trailing_bars: int | None = None,
        method: str = "standard",
        session: str | None = None,
        **options: Unpack[QualityOptions],
    ) -> Series:
        """Bars whose log return stands out from the ticker's others: the macro `outliers`.

        `std_threshold` None takes each ticker's configured threshold, else the default (3). `trailing_bars` n compares
        with the n returns before a bar and nothing later; `method` is `standard` or `robust`. `options` as in `gaps`.

        Examples
        --------
        >>> store.outliers(["AAPL"], "2023-01-03", "2023-01-31", trailing_bars=390).to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.quality import outliers

        return outliers(
            self.repository,
            tickers,
            start,
            end,
            std_threshold=std_threshold,
            trailing_bars=trailing_bars,
            method=method,
            session=session,
            options=options,
        )

    def quality(
        self,
        tickers: str | Iterable[str] | None = None,
        start: Any = None,
        end: Any = None,
        *,
        max_gap_minutes: float | None = None,
        std_threshold: float | None = None,
        **options: Unpack[QualityOptions],
    ) -> Series:
        """For each ticker and session, expected and present bars, gaps, outliers and more: the macro `quality`.

        Limits of None are as in `gaps` and `outliers`, and so are `options`.

        Examples
        --------
        >>> store.quality(["AAPL"], "2023-01-03", "2023-01-31").to_pandas()  # doctest: +SKIP
        """
        from mtstore.query.quality import quality

        return quality(
            self.repository,
            tickers,
            start,
            end,
            max_gap_minutes=max_gap_minutes,
            std_threshold=std_threshold,
            options=options,
        )

    def status(self) -> Result:
        """One row per stored series: ticker, source, schema, rows, files, bytes, first and last bar, calendar."""
        return Result(self.repository, sqlfiles.load("snapshot.status"))

    def tickers(self) -> Sequence[str]:
        """The tickers that have bars, in order of name."""
        return [row[0] for row in Result(self.repository, sqlfiles.load("settings.stored_tickers")).fetchall()]
