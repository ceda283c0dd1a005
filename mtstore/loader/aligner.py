"""`DataAligner`: align frames in memory with the SQL that aligns a store's bars."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Never

from mtstore.arguments import check_choice, check_number, check_options, ticker_names
from mtstore.bars import VALUE_COLUMNS
from mtstore.bounds import parse_zone
from mtstore.calendars import canonical_name
from mtstore.config.choices import LABELS
from mtstore.errors import InputError
from mtstore.infer_calendar import FUTURES_CALENDARS, guess_calendar
from mtstore.ingest.files.checks.sessions import SessionCheck
from mtstore.intervals import BarInterval, parse_interval
from mtstore.loader.frames.bar_widths import common_interval, widths_of
from mtstore.loader.frames.read_bars import Rows, read_rows
from mtstore.loader.frames.rejected_rows import rejected_rows, rejection_message
from mtstore.query.align.assemble import assemble
from mtstore.query.overlay.frame_overlay import SOURCE, FrameBars, overlay_frames
from mtstore.query.request.request import AlignRequest
from mtstore.query.request.result import mapped_errors
from mtstore.query.table.pandas_frames import wide_frame
from mtstore.query.table.wide_table import DEFAULT_FIELDS, AssemblyOptions, field_names

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from mtstore.bounds import BoundLike

Interval = str | timedelta | BarInterval

_OTHER_NAMES = {"tz": "timezone", "alignment_method": "method", "interval": "resampling"}
_ONLY_IN_STORES = ("adjust", "from_source", "from_schema")


class DataAligner:
    """Align frames of bars as `MultiTickerDataLoader` aligns stored ones.

    Parameters
    ----------
    method
        `outer_join` (the union of all tickers' buckets), `inner_join` (their intersection), `forward_fill` (the union,
        prices carried forward), or `grid` (the calendar's complete grid). `outer`, `inner` and `ffill` are short.
    timezone
        IANA zone of the result's index, of naive times in frames, and of naive bounds.
    resampling
        The interval of the result; None: the finest frame's.
    naive_as
        The zone of naive times in frames, where it is not `timezone`: `UTC`.
    native_interval
        The width of the frames' bars, for all or by ticker. None infers it: rows at midnight are days, else it is the
        smallest step. A frame with fewer rows than another is taken for thinly traded.
    calendar
        The trading calendar, for all or by ticker; None infers it from the ticker, as a store does (XNYS for equities).
    label
        The edge that names a bucket: `left` or `right`.
    fill_value
        The value in place of a missing one; None: NaN.
    session
        `regular`, or `all` to keep bars outside the regular session.
    anchor
        Where buckets start: `session`, `midnight` (in `timezone`) or `epoch`.
    partial
        Buckets that reach beyond the range: left out (`drop`), or computed from the range's own bars (`cut`).
    fill_volume
        Volume and transactions of filled rows: `zero`, `ffill` or `null`.
    fill_prices
        `own`: each price column carries its own last value; `close`: all carry the last close.
    max_age
        Oldest value that is carried forward, such as `5min`; None: no limit.
    across_sessions
        Whether values are carried from one session into the next.
    lookback
        How far before `start` a first value may be; None: any distance.
    fill
        Whether the method `grid` fills: `none` or `forward`.

    Attributes
    ----------
    quarantine
        The rows that the last `align_data` rejected, as in the view `quarantine` of a store: ticker, row (counted from
        0 in its frame), ts_event (UTC), open … transactions, and the reason: high < low, a negative volume, a price of
        zero or below (legal on the calendars of futures venues, such as CMES), infinity, a missing price, a time that
        is not on a whole bar, a repeated time.

    Raises
    ------
    InputError
        An invalid option, zone, interval or calendar.

    Examples
    --------
    >>> DataAligner("inner_join", resampling="5min").align_data({"AAPL": aapl, "MSFT": msft})  # doctest: +SKIP
    """

    def __init__(
        self,
        method: str = "outer_join",
        timezone: str = "America/New_York",
        resampling: Interval | None = None,
        *,
        naive_as: str | None = None,
        native_interval: Interval | Mapping[str, Interval] | None = None,
        calendar: str | Mapping[str, str] | None = None,
        label: str = "left",
        fill_value: float | None = None,
        session: str = "regular",
        anchor: str = "session",
        partial: str = "drop",
        fill_volume: str = "zero",
        fill_prices: str = "own",
        max_age: str | timedelta | None = None,
        across_sessions: bool = True,
        lookback: str | timedelta | None = None,
        fill: str = "none",
        **unknown: Never,  # caught for an error that suggests the right name
    ) -> None:
        self.method = method
        self.timezone = parse_zone(timezone).key
        self.resampling = None if resampling is None else parse_interval(resampling)
        self.naive_as = parse_zone(naive_as or timezone).key
        self.label = label
        self.fill_value = fill_value
        self.quarantine = rejected_rows({})
        self._native = native_interval
        self._calendar = calendar
        self._options = {
            "session": session,
            "anchor": anchor,
            "partial": partial,
            "fill_volume": fill_volume,
            "fill_prices": fill_prices,
            "max_age": max_age,
            "across_sessions": across_sessions,
            "lookback": lookback,
            "fill": fill,
        }
        check_choice("label", label, LABELS)
        if fill_value is not None:
            check_number("fill_value", fill_value, least=None)
        _reject_unknown(unknown, self._options)
        for name in calendar.values() if isinstance(calendar, Mapping) else (calendar,):
            if name is not None:
                canonical_name(name)
        for width in native_interval.values() if isinstance(native_interval, Mapping) else (native_interval,):
            if width is not None:
                parse_interval(width)
        self._request((), self.resampling or parse_interval("1min"), None, None)  # checks the other options

    def align_data(
        self,
        ticker_data: Mapping[str, pd.DataFrame],
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        fields: str | Sequence[str] | None = None,
        columns: str = "flat",
    ) -> pd.DataFrame:
        """Align frames: one row per bucket, one column per ticker and field, tickers in the given order.

        Parameters
        ----------
        ticker_data
            A frame per ticker: a DatetimeIndex (or a column `timestamp`), in any zone or naive, sorted or not; any of
            the columns open, high, low, close, volume, vwap, transactions. A ticker without rows keeps all-NaN columns
            and takes no part in an inner join. Without tickers, the result is empty.
        start, end
            As in `MultiTickerDataLoader.load_data`; None: all rows.
        fields
            One or several of open, high, low, close, volume, vwap, transactions, bar_count; None: those of the first
            five that any frame has.
        columns
            `flat`: `AAPL_open` …; `multi`: a MultiIndex of ticker and field.

        Returns
        -------
        pandas.DataFrame
            float64, index `timestamp` (tz-aware, in `timezone`). The values equal those of a store with these bars.
            Rows that a store rejects cause a warning, and are in `quarantine`. The frames are not changed.

        Raises
        ------
        InputError
            An invalid frame; names the ticker and the row.
        IntervalError
            The interval is finer than the bars of a ticker, or not a multiple of them; lists the widths.
        """
        if not isinstance(ticker_data, Mapping):
            raise InputError(f"ticker_data: was {type(ticker_data).__name__}; use a frame per ticker in a mapping")
        ticker_names(ticker_data)
        rows = {ticker: read_rows(frame, repr(ticker), naive_as=self.naive_as) for ticker, frame in ticker_data.items()}
        names = field_names(fields, _default_fields(rows.values()))
        widths = widths_of(rows, tz=self.timezone, resampling=self.resampling, native_of=self._native_of)
        request = self._request(tuple(rows), common_interval(rows, widths, self.resampling), start, end)
        named = self._calendar if isinstance(self._calendar, Mapping) else dict.fromkeys(rows, self._calendar)
        calendars = {ticker: name for ticker in rows if (name := named.get(ticker)) is not None}
        checked = {
            ticker: rows[ticker].check(
                width.schema,
                width.day_tz,
                allows_negative_prices=_is_futures_calendar(calendars.get(ticker)),
                calendar=calendars.get(ticker) or guess_calendar(ticker, SOURCE),
            )
            for ticker, width in widths.items()
        }
        self.quarantine = rejected_rows({ticker: one.rejected for ticker, one in checked.items()})
        for ticker, one in checked.items():
            if one.rejected.num_rows:
                message = rejection_message(ticker, one.rejected, len(rows[ticker].us), "the aligner's quarantine")
                warnings.warn(message, stacklevel=2)
        bars = [
            FrameBars(ticker, widths[ticker].schema, widths[ticker].day_tz, one.bars) for ticker, one in checked.items()
        ]
        options = AssemblyOptions(with_close=self.label == "right", fill_value=self.fill_value)
        with overlay_frames(bars, tickers=tuple(rows), calendars=calendars) as connection, mapped_errors():
            sessions = _check_sessions(connection, bars, calendars)
            wide = assemble(connection, request, names, options)
        if observed := sessions.observed():
            with (
                overlay_frames(bars, tickers=tuple(rows), calendars=calendars | observed) as connection,
                mapped_errors(),
            ):
                wide = assemble(connection, request, names, options)
        count = sum(one.bars.num_rows for one in bars)
        if count and not len(wide.ts_us):
            hint = "" if request.session == "all" else "; session='all' keeps bars outside the regular session"
            text = f"none of the {count} bars is left after {self.method} of {request.bounds}{hint}"
            warnings.warn(text, stacklevel=2)
        for note in sessions.notes() if request.session == "regular" else ():
            warnings.warn(note, stacklevel=2)
        return wide_frame(wide, self.timezone, label=self.label, columns=columns)

    def _request(
        self, tickers: tuple[str, ...], interval: BarInterval, start: BoundLike, end: BoundLike
    ) -> AlignRequest:
        return AlignRequest.parse(tickers, interval, start, end, tz=self.timezone, method=self.method, **self._options)

    def _native_of(self, ticker: str) -> BarInterval | None:
        native = self._native.get(ticker) if isinstance(self._native, Mapping) else self._native
        return None if native is None else parse_interval(native)

    def __repr__(self) -> str:
        return f"DataAligner({self.method!r}, timezone={self.timezone!r}, resampling={str(self.resampling)!r})"


def _reject_unknown(unknown: Iterable[str], valid: Iterable[str]) -> None:
    for name in unknown:
        if name in _ONLY_IN_STORES:
            raise InputError(f"{name}: frames come without splits and sources; ingest them into a store for that")
        if name in _OTHER_NAMES:
            raise InputError(f"unknown option {name!r}; here it is called {_OTHER_NAMES[name]!r}")
    check_options(unknown, valid)


def _check_sessions(
    connection: duckdb.DuckDBPyConnection, bars: Iterable[FrameBars], calendars: Mapping[str, str]
) -> SessionCheck:
    """Compare the bars of tickers without a configured calendar with the sessions of the guessed one."""
    check = SessionCheck(lambda: nullcontext(connection), {})
    for one in bars:
        if one.ticker not in calendars:
            check.compare(one.ticker, one.schema, one.bars, guess_calendar(one.ticker, SOURCE), None)
    return check


def _is_futures_calendar(calendar: str | None) -> bool:
    return calendar is not None and canonical_name(calendar) in FUTURES_CALENDARS


def _default_fields(rows: Iterable[Rows]) -> tuple[str, ...]:
    """Return the default fields that any frame has, else any fields, else the default ones."""
    present = {name for one in rows for name in one.values}
    usual = tuple(name for name in DEFAULT_FIELDS if name in present)
    return usual or tuple(name for name in VALUE_COLUMNS if name in present) or DEFAULT_FIELDS
