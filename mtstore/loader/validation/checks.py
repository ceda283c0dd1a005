"""Find gaps, outliers and splits in a range with the quality macros."""

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

TRAILING_BARS = 100
"""Returns before a bar that it is compared with where later ones must not count (on_failure flag and drop).

The first bars of a range, with fewer returns before them, are not judged.
"""

Split: TypeAlias = tuple[str, date, float, float]
"""Ticker, execution date, shares before, shares after."""


@dataclass(frozen=True, slots=True)
class RangeProblems:
    """The macros' rows about a range; None where a check did not run.

    Attributes
    ----------
    outliers
        Compared with all returns of the range.
    trailing_outliers
        Compared with the returns before them.
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
    """Find gaps (in intraday bars) and outliers beyond each ticker's own limits.

    Outliers of the tickers in `trailing` are found by the returns before them.
    """
    limits = {name: entry.max_gap_minutes for name, entry in settings.items() if entry.check_gaps}
    gaps = _gaps(connection, call, limits) if limits and call.interval.is_intraday else None
    thresholds = {name: entry.outlier_std_threshold for name, entry in settings.items() if entry.check_outliers}
    before = {name: thresholds[name] for name in trailing if name in thresholds}
    whole = {name: limit for name, limit in thresholds.items() if name not in before}
    if before and call.anchor != "session":
        raise InputError(
            f"alignment.anchor: was {call.anchor!r}; use session, because validation.on_failure flag and drop need "
            "buckets that start at the session's open"
        )
    return RangeProblems(
        gaps,
        _outliers(connection, call, whole, trailing_bars=None) if whole else None,
        _outliers(connection, call, before, trailing_bars=TRAILING_BARS) if before else None,
    )


def splits_between(facts: StoreFacts, call: AlignRequest, tickers: Iterable[str]) -> tuple[Split, ...]:
    """Return the known splits of tickers in a request's range."""
    zone = ZoneInfo(call.tz)
    first, last = (
        bound.astimezone(zone).date() if isinstance(bound, datetime) else bound
        for bound in (call.bounds.start, call.bounds.end)
    )
    names = set(tickers)
    return tuple(
        (row["ticker"], row["execution_date"], row["split_from"], row["split_to"])
        for row in facts.rows("validation.splits")
        if row["ticker"] in names and (first or date.min) <= row["execution_date"] <= (last or date.max)
    )


def outliers_beyond(table: pa.Table, limits: Mapping[str, float]) -> pa.Table:
    """Return the outliers beyond each ticker's limit in `limits`; those of other tickers are left out."""
    return _beyond(table, limits, lambda row: abs(row["z_score"]))


def counts_by_ticker(table: pa.Table | None, names: Iterable[str]) -> dict[str, int]:
    """Count the rows of each of `names`; empty where the check did not run."""
    if table is None:
        return {}
    counts = Counter(table["ticker"].to_pylist())
    return {name: counts[name] for name in names}


def labels_by_ticker(table: pa.Table | None) -> dict[str, np.ndarray]:
    """Return the labels of each ticker's rows, µs since the epoch."""
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
    return outliers_beyond(table, limits)


def _beyond(table: pa.Table, limits: Mapping[str, float], measure: Callable[[Mapping[str, Any]], float]) -> pa.Table:
    # The macros take one limit for all tickers, the smallest; each ticker's own one is applied here.
    import pyarrow as pa

    keep = [row["ticker"] in limits and measure(row) > limits[row["ticker"]] for row in table.to_pylist()]
    return table.filter(pa.array(keep, pa.bool_()))
