"""Find the coverage that `CacheManager.invalidate` marks as stale."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.loader.cache.choose_series import known_series, range_of
from mtstore.loader.cache.freshness import ledger_segments
from mtstore.ranges import intersect, iso_instant

if TYPE_CHECKING:
    import duckdb

    from mtstore.bounds import Bounds
    from mtstore.config import Config


def stale_rows(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    ticker: str | None,
    bounds: Bounds | None,
    *,
    source: str | None,
    schema: str | None,
) -> Iterator[dict[str, Any]]:
    """Yield ledger rows that repeat the fresh coverage of the matching series, also what is not requested again yet.

    The caller adds run and times.
    """
    now_us = time.time_ns() // 1_000
    names = [ticker]
    if ticker is None:
        names = [row[0] for row in connection.execute(sqlfiles.load("cache.tickers")).fetchall()]
    for name in filter(None, names):
        for series in known_series(connection, name):
            if schema not in {None, series["schema"]} or source not in {None, series["source"], series["provider"]}:
                continue
            within = None if bounds is None else range_of(connection, name, series, bounds, config)[1]
            for one in ledger_segments(connection, name, series["source"], series["schema"]):
                ranges = (one.range,) if within is None else intersect([one.range], [within])
                if ranges and one.row.is_fresh(now_us):
                    yield {
                        "source": series["source"],
                        "schema": series["schema"],
                        "tickers": [name],
                        "ranges": [
                            {"start_ts": iso_instant(item.start_us), "end_ts": iso_instant(item.end_us)}
                            for item in ranges
                        ],
                        "result": one.row.result,
                        "reason": "invalidated",
                        "request_key": one.row.request_key,
                    }
