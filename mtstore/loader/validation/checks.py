"""What is wrong with a range: gaps, outliers and splits in it, as the macros of the quality layer find them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from mtstore import sqlfiles
from mtstore.errors import InputError

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

    from mtstore.config import TickerSettings
    from mtstore.query.request.request import AlignRequest
    from mtstore.query.snapshot.store_facts import StoreFacts

TRAILING_BARS = 390
"""The returns before a bar that it is compared with where nothing later may count (on_failure flag and drop)."""

LEAST_SAMPLE = 20
"""Fewer trailing returns than this say nothing about a bar."""

Split: TypeAlias = tuple[str, date, float, float]
"""Ticker, execution date, shares before, shares after."""


@dataclass(frozen=True, slots=True)
class RangeProblems:
    """What is wrong with a range, one row each, as the macros have it; None where nothing was looked for.

    Attributes
    ----------
    outliers
        Against all returns of the range.
    trailing_outliers
        Against the returns before them alone.
    """

    gaps: pa.Table | None = None
    outliers: pa.Table | None = None
    trailing_outliers: pa.Table | None = None


def find_problems(
    connection: duckdb.DuckDBPyConnection,
    call: AlignRequest,
    settings: Mapping[str, TickerSettings],
    *,
    trailing: Iterable[str] = (),
) -> RangeProblems:
    """Look for gaps and outliers in a call's range, of the tickers whose settings want it, beyond their own limits.

    The outliers of the tickers in `trailing` are judged by the returns before them. Gaps are looked for in bars shorter
    than a day.
    """
    limits = {name: entry.max_gap_minutes for name, entry in settings.items() if entry.check_gaps}
    gaps = _gaps(connection, call, limits) if limits and call.interval.is_intraday else None
    thresholds = {name: entry.outlier_std_threshold for name, entry in settings.items() if entry.check_outliers}
    before = {name: thresholds[name] for name in trailing if name in thresholds}
    whole = {name: limit for name, limit in thresholds.items() if name not in before}
    if before and call.anchor != "session":
        raise InputError(
            "validation.on_failure flag and drop know buckets counted from the session's open; "
            f"alignment.anchor is {call.anchor!r}"
        )
    return RangeProblems(
        gaps,
        _outliers(connection, call, whole, trailing_bars=None) if whole else None,
        _outliers(connection, call, before, trailing_bars=TRAILING_BARS) if before else None,
    )


def splits_between(facts: StoreFacts, call: AlignRequest, tickers: Iterable[str]) -> tuple[Split, ...]:
    """The known splits of some tickers in a call's range."""
    zone = ZoneInfo(call.tz)
    first, last = (
        bound.astimezone(zone).date() if isinstance(bound, datetime) else bound
        for bound in (call.bounds.start, call.bounds.end)
    )
    wanted = set(tickers)
    return tuple(
        (row["ticker"], row["execution_date"], row["split_from"], row["split_to"])
        for row in facts.rows("validation.splits")
        if row["ticker"] in wanted
        and (first is None or row["execution_date"] >= first)
        and (last is None or row["execution_date"] <= last)
    )


def counts_by_ticker(table: pa.Table | None, names: Iterable[str]) -> dict[str, int]:
    """How many rows each of `names` has; nothing where nothing was looked for."""
    if table is None:
        return {}
    counts = Counter(table["ticker"].to_pylist())
    return {name: counts[name] for name in names}


def labels_by_ticker(table: pa.Table | None) -> dict[str, np.ndarray]:
    """The labels of each ticker's rows, µs since the epoch."""
    import numpy as np

    if table is None:
        return {}
    stamps = table["ts_event"].cast("int64").to_numpy()
    owners = np.array(table["ticker"].to_pylist(), dtype=object)
    return {name: stamps[owners == name] for name in dict.fromkeys(owners)}


def _gaps(connection: duckdb.DuckDBPyConnection, call: AlignRequest, limits: Mapping[str, float]) -> pa.Table:
    parameters = call.common_parameters() | {"limit": min(limits.values())}
    for name in ("session", "anchor", "adjust"):
        del parameters[name]
    table = connection.sql(sqlfiles.load("validation.gaps"), params=parameters).to_arrow_table()
    return _beyond(table, limits, lambda row: row["missing_minutes"])


def _outliers(
    connection: duckdb.DuckDBPyConnection, call: AlignRequest, limits: Mapping[str, float], *, trailing_bars: int | None
) -> pa.Table:
    parameters = call.common_parameters() | {"limit": min(limits.values()), "trailing_bars": trailing_bars}
    for name in ("anchor", "adjust"):
        del parameters[name]
    table = connection.sql(sqlfiles.load("validation.outliers"), params=parameters).to_arrow_table()
    least = 0 if trailing_bars is None else LEAST_SAMPLE
    return _beyond(table, limits, lambda row: abs(row["z_score"]) if row["sample_size"] >= least else 0.0)


def _beyond(table: pa.Table, limits: Mapping[str, float], measure: Callable[[Mapping[str, Any]], float]) -> pa.Table:
    """The rows of tickers that have a limit, each beyond its own."""
    import pyarrow as pa

    keep = [row["ticker"] in limits and measure(row) > limits[row["ticker"]] for row in table.to_pylist()]
    return table.filter(pa.array(keep, pa.bool_()))
