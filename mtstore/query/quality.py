"""The macros that judge stored bars: gaps, outliers and quality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mtstore.query.request.request import SeriesRequest, macro_call
from mtstore.query.series import Series, applied_options

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository

_ARGUMENTS = ("tickers", "bar_interval", "start_ts", "end_ts", "tz", "from_source", "from_schema")


def find_rows(
    store: Repository,
    macro: str,
    tickers: str | Iterable[str] | None,
    start: Any,
    end: Any,
    *,
    options: Mapping[str, Any],
    limits: Mapping[str, Any],
) -> Series:
    """Return the rows of `gaps`, `outliers` or `quality`; see the methods of `mtstore.Store`."""
    given = {**applied_options(store, {"timezone": "tz", "session": "session"}), **options}
    call = SeriesRequest.parse(tickers, given.pop("interval"), start, end, **given)
    arguments = (*_ARGUMENTS, "session") if macro == "outliers" else _ARGUMENTS
    parameters = call.parameters()
    values = {name: parameters[name] for name in arguments} | dict(limits)
    second = "std_threshold" if macro == "outliers" else "max_gap_minutes"
    return Series(store, macro_call(macro, values, second), values, call.tz, call.bounds)
