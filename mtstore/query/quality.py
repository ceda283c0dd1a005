"""The macros that judge stored bars: gaps, outliers, quality, and the comparison of two sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mtstore.arguments import check_choice
from mtstore.query.request.request import SeriesRequest, macro_call
from mtstore.query.series import Series, applied_options

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository

_RECONCILING_MACROS = {"bucket": "reconcile", "session": "reconcile_sessions"}
_COMPARED_BY = ("tickers", "bar_interval", "start_ts", "end_ts", "session", "tz", "adjust", "from_schema")
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


def reconciled(
    store: Repository,
    tickers: str | Iterable[str] | None,
    start: Any,
    end: Any,
    *,
    by: str,
    compared: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Series:
    """Return the rows of `reconcile` or `reconcile_sessions`; see `mtstore.Store.reconcile`."""
    check_choice("by", by, tuple(_RECONCILING_MACROS))
    given = {**applied_options(store, {"timezone": "tz", "session": "session"}), **options}
    call = SeriesRequest.parse(tickers, given.pop("interval"), start, end, **given)
    parameters = call.parameters()
    values = {name: parameters[name] for name in _COMPARED_BY} | dict(compared)
    statement = macro_call(_RECONCILING_MACROS[by], values, "bar_interval", "source_a", "source_b")
    return Series(store, statement, values, call.tz, call.bounds)
