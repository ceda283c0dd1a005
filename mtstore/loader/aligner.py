"""`DataAligner`: frames that never were in a store, aligned by the very SQL that aligns a store's bars."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mtstore.arguments import check_choice, check_number, check_options, ticker_names
from mtstore.bars import VALUE_COLUMNS
from mtstore.bounds import parse_zone
from mtstore.calendars import FUTURES_CALENDARS, canonical_name
from mtstore.config.choices import LABELS
from mtstore.config.cross_checks import COMMON_CALENDARS
from mtstore.errors import InputError
from mtstore.intervals import BarInterval, parse_interval
from mtstore.loader.frames.bar_widths import common_interval, widths_of
from mtstore.loader.frames.read_bars import Rows, read_rows
from mtstore.loader.frames.rejected_rows import rejected_rows, rejection_message
from mtstore.query.align.assemble import assemble
from mtstore.query.overlay.frame_overlay import FrameBars, overlay_frames
from mtstore.query.request.request import AlignRequest
from mtstore.query.request.result import mapped_errors
from mtstore.query.table.pandas_frames import wide_frame
from mtstore.query.table.wide_table import DEFAULT_FIELDS, AssemblyOptions, field_names
from mtstore.sources.infer_bar_width import InferredWidth

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.bounds import BoundLike
    from mtstore.sources.bar_rules import CheckedBars

Interval = str | timedelta | BarInterval

_OPTIONS = ("session", "anchor", "fill_volume", "fill_prices", "max_age", "across_sessions", "lookback", "fill")
_OTHER_NAMES = {"tz": "timezone", "method": "alignment_method", "interval": "resampling"}
_FROM_A_STORE = ("adjust", "from_source", "from_schema")


class DataAligner:
    """Aligns frames of bars as `MultiTickerDataLoader` aligns stored ones.

    Parameters
    ----------
    alignment_method
        `outer_join` (the union of all tickers' buckets), `inner_join` (their intersection), `forward_fill` (the union,
        prices carried forward), or `grid` (the calendar's complete grid). `outer`, `inner` and `ffill` are short.
    timezone
        IANA zone of the result's index, of naive times in frames, and of naive bounds.
    resampling
        The interval of the result; None takes the finest of the frames' own.
    naive_as
        The zone of naive times, where it is not `timezone`: `UTC`.
    native_interval
        How wide the frames' bars are, for all or by ticker; None finds it out: rows at midnight are days, else the
        smallest step tells. A frame with rarer rows than another's is taken for thinly traded.
    calendar
        The trading calendar, for all or by ticker; None infers it from the name, as a store does (XNYS for equities).
    label
        Which edge of a bucket names it: `left` or `right`.
    fill_value
        What stands for a missing value; None leaves NaN.
    **options
        `session`, `anchor`, `fill_volume`, `fill_prices`, `max_age`, `across_sessions`, `lookback`: as under
        `alignment` in a configuration; `fill`: whether a `grid` fills, `none` or `forward`. Only
        the regular session is kept unless `session='all'`.

    Attributes
    ----------
    quarantine
        The rows that `align_data` left out last because they cannot be bars, as in the view `quarantine` of a store:
        ticker, row (counted from 0 in its frame), ts_event (UTC), open … transactions, and the reason: high < low, a
        negative volume, a price of zero or below (legal on the calendars of futures venues, such as CMES), infinity, a
        missing price, a time that is on no whole bar, another row of the same time that came later.

    Raises
    ------
    InputError
        An option, zone, interval or calendar that cannot be right.

    Examples
    --------
    >>> DataAligner("inner_join", resampling="5min").align_data({"AAPL": aapl, "MSFT": msft})  # doctest: +SKIP
    """

    def __init__(
        self,
        alignment_method: str = "outer_join",
        timezone: str = "America/New_York",
        resampling: Interval | None = None,
        *,
        naive_as: str | None = None,
        native_interval: Interval | Mapping[str, Interval] | None = None,
        calendar: str | Mapping[str, str] | None = None,
        label: str = "left",
        fill_value: float | None = None,
        **options: Any,
    ) -> None:
        self.alignment_method = alignment_method
        self.timezone = parse_zone(timezone).key
        self.resampling = None if resampling is None else parse_interval(resampling)
        self.naive_as = parse_zone(naive_as or timezone).key
        self.label = label
        self.fill_value = fill_value
        self._native = native_interval
        self._calendar = calendar
        self._options = options
        self.quarantine = rejected_rows({})
        check_choice("label", label, LABELS)
        if fill_value is not None:
            check_number("fill_value", fill_value, least=None)
        _check_options(options)
        for name in calendar.values() if isinstance(calendar, Mapping) else (calendar,):
            if name is not None and name not in COMMON_CALENDARS:
                canonical_name(name)
        for width in native_interval.values() if isinstance(native_interval, Mapping) else (native_interval,):
            if width is not None:
                parse_interval(width)
        self._call((), self.resampling or parse_interval("1min"), None, None)  # refuses a wrong option at once

    def align_data(
        self,
        ticker_data: Mapping[str, pd.DataFrame],
        start: BoundLike = None,
        end: BoundLike = None,
        *,
        fields: str | Sequence[str] | None = None,
        columns: str = "flat",
    ) -> pd.DataFrame:
        """One aligned frame: one row per bucket, one column per ticker and field, tickers in the order given.

        Parameters
        ----------
        ticker_data
            A frame per ticker: a DatetimeIndex (or a column `timestamp`), in any zone or naive, sorted or not; columns
            open, high, low, close, volume, vwap, transactions, as far as it has them. A ticker whose frame has no rows
            keeps all-NaN columns and takes no part in an inner join. No ticker gives a frame without rows and columns.
        start, end
            As in `MultiTickerDataLoader.load_data`; None takes all there is.
        fields
            One or several of open, high, low, close, volume, vwap, transactions, bar_count; None takes the first five,
            as far as any frame has them.
        columns
            `flat`: `AAPL_open` …; `multi`: a MultiIndex of ticker and field.

        Returns
        -------
        pandas.DataFrame
            float64, index `timestamp` (tz-aware, in `timezone`). The same values as a store with these bars gives:
            what a store would refuse is left out here, too, with a warning, and stands in `quarantine`. The frames are
            left as they are.

        Raises
        ------
        InputError
            A frame that cannot be read; it names the ticker and the row.
        IntervalError
            The interval is finer than the bars of a ticker, or no multiple of them, as where some bars are days and
            others minutes; it says whose bars are how wide.
        """
        import numpy as np

        rows = {ticker: read_rows(frame, repr(ticker), naive_as=self.naive_as) for ticker, frame in _named(ticker_data)}
        chosen = field_names(fields, _fields_of(rows.values()))
        widths = widths_of(rows, tz=self.timezone, resampling=self.resampling, native_of=self._native_of)
        interval = common_interval(rows, widths, self.resampling)
        call = self._call(tuple(rows), interval, start, end)
        calendars = self._calendars(rows)
        found = {ticker: _check(rows[ticker], width, calendars.get(ticker)) for ticker, width in widths.items()}
        self.quarantine = rejected_rows({ticker: one.rejected for ticker, one in found.items()})
        for ticker, one in found.items():
            if one.rejected.num_rows:
                message = rejection_message(ticker, one.rejected, len(rows[ticker].us), "the aligner's quarantine")
                warnings.warn(message, stacklevel=2)
        bars = [
            FrameBars(ticker, widths[ticker].schema, widths[ticker].day_tz, one.bars) for ticker, one in found.items()
        ]
        with (
            overlay_frames(bars, tickers=tuple(rows), calendars=calendars) as connection,
            mapped_errors(),
        ):
            wide = assemble(connection, call, chosen, AssemblyOptions(with_close=self.label == "right"))
        count = sum(one.bars.num_rows for one in bars)
        if count and not len(wide.ts_us):
            self._warn_of_nothing(count, call)
        if self.fill_value is not None:
            wide.values[np.isnan(wide.values)] = self.fill_value
        return wide_frame(wide, self.timezone, label=self.label, columns=columns)

    def _call(self, tickers: tuple[str, ...], interval: BarInterval, start: BoundLike, end: BoundLike) -> AlignRequest:
        return AlignRequest.parse(
            tickers, interval, start, end, tz=self.timezone, method=self.alignment_method, **self._options
        )

    def _native_of(self, ticker: str) -> BarInterval | None:
        native = self._native.get(ticker) if isinstance(self._native, Mapping) else self._native
        return None if native is None else parse_interval(native)

    def _calendars(self, tickers: Iterable[str]) -> dict[str, str]:
        if self._calendar is None:
            return {}
        if isinstance(self._calendar, str):
            return dict.fromkeys(tickers, self._calendar)
        return {ticker: self._calendar[ticker] for ticker in tickers if ticker in self._calendar}

    def _warn_of_nothing(self, count: int, call: AlignRequest) -> None:
        why = "" if call.session == "all" else "; only the regular session counts, session='all' keeps every bar"
        warnings.warn(
            f"none of the {count} bars is left after {self.alignment_method} of {call.bounds}{why}", stacklevel=3
        )

    def __repr__(self) -> str:
        return (
            f"DataAligner({self.alignment_method!r}, timezone={self.timezone!r}, resampling={str(self.resampling)!r})"
        )


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that frames do not have, and those that have another name here."""
    for name in options:
        if name in _FROM_A_STORE:
            raise InputError(f"{name}: frames come without splits and sources; put them into a store for that")
        if name in _OTHER_NAMES:
            raise InputError(f"unknown option {name!r}; here it is called {_OTHER_NAMES[name]!r}")
    check_options(options, _OPTIONS)


def _check(rows: Rows, width: InferredWidth, calendar: str | None) -> CheckedBars:
    is_of_futures = calendar is not None and canonical_name(calendar) in FUTURES_CALENDARS
    return rows.check(width.schema, width.day_tz, allows_negative_prices=is_of_futures)


def _named(ticker_data: Mapping[str, pd.DataFrame]) -> Iterable[tuple[str, pd.DataFrame]]:
    if not isinstance(ticker_data, Mapping):
        raise InputError(f"align_data takes a frame per ticker, {{'AAPL': frame, …}}, got {type(ticker_data).__name__}")
    ticker_names(ticker_data)
    return ticker_data.items()


def _fields_of(rows: Iterable[Rows]) -> tuple[str, ...]:
    """The fields of the result: those of the usual ones that any frame has; all of them where no frame has any."""
    present = {name for one in rows for name in one.values}
    usual = tuple(name for name in DEFAULT_FIELDS if name in present)
    return usual or tuple(name for name in VALUE_COLUMNS if name in present) or DEFAULT_FIELDS
