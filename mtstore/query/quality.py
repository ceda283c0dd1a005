"""What the quality layer finds in stored bars: the macros gaps, outliers and quality, asked from Python."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from mtstore import sqlfiles
from mtstore.query.request.request import SeriesRequest
from mtstore.query.series import Series, applied_options

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository


class QualityOptions(TypedDict, total=False):
    """What else a question about quality can say.

    interval is the width of an expected bar (`1min`); tz reads naive times; the rest as in SeriesRequest.
    """

    interval: str | timedelta
    tz: str
    from_source: str | None
    from_schema: str | None


def gaps(
    store: Repository,
    tickers: str | Iterable[str] | None,
    start: Any,
    end: Any,
    *,
    max_gap_minutes: float | None,
    options: QualityOptions,
) -> Series:
    """The macro `gaps`; see `mtstore.Store.gaps`."""
    return _asked(store, "request.gaps", tickers, (start, end), options, max_gap_minutes=max_gap_minutes)


def outliers(
    store: Repository,
    tickers: str | Iterable[str] | None,
    start: Any,
    end: Any,
    *,
    std_threshold: float | None,
    trailing_bars: int | None,
    method: str,
    session: str | None,
    options: QualityOptions,
) -> Series:
    """The macro `outliers`; see `mtstore.Store.outliers`."""
    applied = applied_options(store, {"session": "session"})
    values = {"std_threshold": std_threshold, "trailing_bars": trailing_bars, "method": method}
    values["session"] = session or applied.get("session", "regular")
    return _asked(store, "request.outliers", tickers, (start, end), options, **values)


def quality(
    store: Repository,
    tickers: str | Iterable[str] | None,
    start: Any,
    end: Any,
    *,
    max_gap_minutes: float | None,
    std_threshold: float | None,
    options: QualityOptions,
) -> Series:
    """The macro `quality`; see `mtstore.Store.quality`."""
    values = {"max_gap_minutes": max_gap_minutes, "std_threshold": std_threshold}
    return _asked(store, "request.quality", tickers, (start, end), options, **values)


def _asked(
    store: Repository,
    statement: str,
    tickers: str | Iterable[str] | None,
    bounds: tuple[Any, Any],
    options: QualityOptions,
    **values: Any,
) -> Series:
    given = {**applied_options(store, {"timezone": "tz"}), **options}
    call = SeriesRequest.parse(tickers, given.pop("interval", "1min"), *bounds, **given)
    taken = ("tickers", "bar_interval", "start_ts", "end_ts", "tz", "from_source", "from_schema")
    parameters = call.parameters()
    return Series(
        store,
        sqlfiles.load(statement),
        {name: parameters[name] for name in taken} | values,
        call.tz,
        call.bounds,
    )
