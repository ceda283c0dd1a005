"""The macros that judge stored bars: gaps, outliers and quality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.query.request.request import SeriesRequest
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
    return Series(store, sqlfiles.load(f"request.{macro}"), values, call.tz, call.bounds)
