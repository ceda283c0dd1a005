"""Infer the bar widths of several frames, and their common interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from mtstore.arguments import first_few
from mtstore.bars import step_us
from mtstore.errors import InputError, IntervalError
from mtstore.intervals import BarInterval, parse_interval
from mtstore.ranges import US_PER_DAY

if TYPE_CHECKING:
    from mtstore.loader.frames.read_bars import Rows
    from mtstore.sources.infer_bar_width import InferredWidth


def widths_of(
    rows: Mapping[str, Rows],
    *,
    tz: str,
    resampling: BarInterval | None,
    native_of: Callable[[str], BarInterval | None],
) -> dict[str, InferredWidth]:
    """Return the bar width of each frame with rows; a single row is as wide as the other tickers' bars.

    `native_of` returns the given width of a ticker's bars, if any. InputError: a width cannot be inferred, or does not
    fit the given one.
    """
    filled = {ticker: one for ticker, one in rows.items() if len(one.us)}
    found = {
        ticker: one.width(repr(ticker), tz=tz, native=native_of(ticker), resampling=resampling)
        for ticker, one in filled.items()
    }
    interval = next((width.interval for width in found.values() if width and width.interval), None)
    for ticker in [ticker for ticker, width in found.items() if width is None]:
        if interval is None:
            raise InputError(f"{ticker!r}: one row does not show its bar's width; give resampling or native_interval")
        found[ticker] = filled[ticker].width(repr(ticker), tz=tz, native=None, resampling=interval)
    return {ticker: width for ticker, width in found.items() if width is not None}


def common_interval(
    rows: Mapping[str, Rows], widths: Mapping[str, InferredWidth], resampling: BarInterval | None
) -> BarInterval:
    """Return the result's interval: `resampling`, else the finest frame's; frames with fewer rows are thinly traded.

    InputError: no frame shows its width. IntervalError: the interval is finer than a ticker's bars, or not a multiple.
    """
    steps = {ticker: width.interval for ticker, width in widths.items() if width.interval is not None}
    finest = min(steps, key=lambda ticker: _length_us(steps[ticker]), default=None)
    if resampling is None:
        if finest is None and any(len(one.us) for one in rows.values()):
            raise InputError("the rows do not show their bars' width; give resampling or native_interval")
        interval = parse_interval("1min") if finest is None else steps[finest]
    elif finest is not None and not resampling.is_multiple_of(_length_us(steps[finest])):
        raise IntervalError(
            f"resampling: was {resampling}, which is finer than, or not a multiple of, the bars of {finest!r}, which "
            f"are {steps[finest]} apart; give native_interval if they are thinly traded bars of a finer interval"
        )
    else:
        interval = resampling
    if not all(interval.is_multiple_of(step_us(width.schema)) for width in widths.values()):
        raise IntervalError(_describe_widths(widths, interval))
    return interval


def _describe_widths(widths: Mapping[str, InferredWidth], interval: BarInterval) -> str:
    by_step: dict[int, list[str]] = {}
    for ticker, width in widths.items():
        by_step.setdefault(_length_us(width.interval) if width.interval else step_us(width.schema), []).append(ticker)
    parts = []
    for step, names in sorted(by_step.items()):
        parts.append(f"{first_few(list(map(repr, names)))}: {parse_interval(timedelta(microseconds=step))}")
    widest = parse_interval(timedelta(microseconds=max(by_step)))
    return (
        f"the bars are of different widths ({'; '.join(parts)}), and the wider ones have none of {interval}; use "
        f"resampling='{widest}' or wider, align them apart, or give a native_interval where bars are only rare"
    )


def _length_us(interval: BarInterval) -> int:
    return interval.microseconds or interval.days * US_PER_DAY
