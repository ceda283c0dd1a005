"""Find the inputs that need not be ingested again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository


@dataclass(frozen=True, slots=True)
class EarlierIngest:
    """What later ingests did to the bars of an input that was ingested before.

    Attributes
    ----------
    successors
        The keys of newer inputs that cover some of its tickers and time.
    is_replaced
        Whether something other than an input replaced some of it since: a fetch, a cache.
    """

    successors: frozenset[str] = frozenset()
    is_replaced: bool = False


def earlier_ingests(store: Repository, keys: Sequence[str]) -> dict[str, EarlierIngest]:
    """Look up in the ledger which of the inputs `keys` were ingested before."""
    with store.connection() as connection:
        rows = fetch_rows(connection, sqlfiles.load("ingest.earlier_ingests"), {"keys": list(keys)})
    return {row["input_key"]: EarlierIngest(frozenset(row["successors"]), row["is_replaced"]) for row in rows}


def already_ingested(keys: Sequence[str], earlier: Mapping[str, EarlierIngest]) -> set[str]:
    """Return which of the inputs `keys`, ingested together in this order, can be skipped.

    An input can be skipped if no newer input covers any of it, or only inputs of this call that can be skipped
    themselves. So the same files again change nothing.
    """
    place = {key: number for number, key in reversed(list(enumerate(keys)))}
    skipped = {key for key in place if key in earlier and not earlier[key].is_replaced}
    # An input that is ingested again overwrites its successors of this call, so those that follow it go in again, too.
    # Each round can affect other inputs: repeat until nothing changes.
    while True:
        again = {key for key in skipped if not earlier[key].successors <= skipped}
        for key in (earlier.keys() & place.keys() - skipped) | again:
            again |= {other for other in earlier[key].successors & skipped if place[other] > place[key]}
        if not again:
            return skipped
        skipped -= again
