"""Find dividends that are too large to be applied to what is stored."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository


def refused_dividends(store: Repository, tickers: Collection[str]) -> list[tuple[str, str]]:
    """Return ticker and reason for the dividends of some tickers that adjust nothing."""
    if not tickers:
        return []
    with store.connection() as connection:
        rows = fetch_rows(connection, sqlfiles.load("store_facts.refused_dividends"))
    found = ((row["ticker"], row["reason"]) for row in rows if row["ticker"] in tickers)
    return list(dict.fromkeys(found))  # several series of a ticker may have the same close
