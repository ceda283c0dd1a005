"""How wide the bars of several frames are, and which interval they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from mtstore.bars import step_us
from mtstore.errors import InputError, IntervalError
from mtstore.intervals import BarInterval, parse_interval
from mtstore.ranges import US_PER_DAY

if TYPE_CHECKING:
    from mtstore.loader.frames.read_bars import Rows
    from mtstore.sources.infer_bar_width import InferredWidth

_MOST = 3


def widths_of(
    rows: Mapping[str, Rows],
    *,
    tz: str,
    resampling: BarInterval | None,
    native_of: Callable[[str], BarInterval | None],
) -> dict[str, InferredWidth]:
    """The width of each frame's bars that has any; a lone row is as wide as the other tickers' bars.

    Parameters
    ----------
    native_of
        The width that somebody gave of a ticker's bars; None where nobody did.

    Raises
    ------
    InputError
        A frame that does not tell it, or does not fit what somebody gave.
    """
    widths: dict[str, InferredWidth] = {}
    alone = []
    for ticker, one in rows.items():
        if not len(one.us):
            continue
        width = one.width(repr(ticker), tz=tz, native=native_of(ticker), resampling=resampling)
        if width is None:
            alone.append(ticker)
        else:
            widths[ticker] = width
    known = next((width.interval for width in widths.values() if width.interval is not None), None)
    for ticker in alone:
        if known is None:
            raise InputError(
                f"{ticker!r}: one row does not tell how wide its bar is; say resampling or native_interval"
            )
        width = rows[ticker].width(repr(ticker), tz=tz, native=None, resampling=known)
        if width is not None:
            widths[ticker] = width
    return widths


def common_interval(
    rows: Mapping[str, Rows], widths: Mapping[str, InferredWidth], resampling: BarInterval | None
) -> BarInterval:
    """The interval of the result, which the finest frame decides where nobody said; rarer rows are thin trading.

    Raises
    ------
    InputError
        No frame tells it.
    IntervalError
        It is finer than the bars of a ticker, or no multiple of them.
    """
    steps = {ticker: width.interval for ticker, width in widths.items() if width.interval is not None}
    finest = min(steps, key=lambda ticker: _length_us(steps[ticker]), default=None)
    if resampling is None:
        if finest is None and any(len(one.us) for one in rows.values()):
            raise InputError("the rows do not tell how wide their bars are; say resampling or native_interval")
        interval = parse_interval("1min") if finest is None else steps[finest]
    elif finest is not None and not resampling.is_multiple_of(_length_us(steps[finest])):
        raise IntervalError(
            f"resampling {resampling} is finer than, or no multiple of, the bars of {finest!r}, which are "
            f"{steps[finest]} apart; say native_interval if they are thin bars of a finer interval"
        )
    else:
        interval = resampling
    if not all(interval.is_multiple_of(step_us(width.schema)) for width in widths.values()):
        raise IntervalError(_too_wide(widths, interval))
    return interval


def _too_wide(widths: Mapping[str, InferredWidth], interval: BarInterval) -> str:
    """Whose bars are how wide, and what can be done, where some are too wide for what finer ones have decided."""
    by_step: dict[int, list[str]] = {}
    for ticker, width in widths.items():
        by_step.setdefault(_length_us(width.interval) if width.interval else step_us(width.schema), []).append(ticker)
    told = []
    for step in sorted(by_step):
        names = by_step[step]
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        told.append(f"{', '.join(map(repr, names[:_MOST]))}{more}: {parse_interval(timedelta(microseconds=step))}")
    widest = parse_interval(timedelta(microseconds=max(by_step)))
    return (
        f"the bars are of different widths ({'; '.join(told)}), and the wider ones give none of {interval}; say "
        f"resampling='{widest}' or wider, align them apart, or name a native_interval where bars are only rare"
    )


def _length_us(interval: BarInterval) -> int:
    return interval.microseconds or interval.days * US_PER_DAY
