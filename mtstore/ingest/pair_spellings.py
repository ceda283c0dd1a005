"""Note pairs of currencies that are stored under the vendor's other spelling, as another series.

Polygon's flat files write `X:BTC-USD` and `C:EUR-USD`, its REST API `X:BTCUSD` and `C:EURUSD`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from mtstore import sqlfiles

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository

_PREFIXES = ("X:", "C:")


def stored_pairs(store: Repository) -> frozenset[str]:
    """Return the stored tickers that are pairs."""
    with store.connection() as connection:
        rows = connection.execute(sqlfiles.load("ingest.tickers_with_prefixes"), {"prefixes": _PREFIXES}).fetchall()
    return frozenset(row[0] for row in rows)


def spelling_notes(stored: Collection[str], tickers: Collection[str]) -> dict[str, str]:
    """Return a note for each of `tickers` that is not stored yet, but is under its other spelling."""
    spellings = {name.replace("-", ""): name for name in stored}
    notes = {}
    for name in sorted(set(tickers) - set(stored)):
        other = spellings.get(name.replace("-", "")) if name.startswith(_PREFIXES) else None
        if other is not None:
            theirs, ours = ("flat files", "REST calls") if "-" in other else ("REST", "flat files call")
            notes[name] = f"{other} is stored from {theirs}; {ours} it {name}: they are two series of one pair"
    return notes
