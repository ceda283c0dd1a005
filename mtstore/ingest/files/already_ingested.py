"""Which inputs need not go in again: those that did before, and of which what they brought still stands."""

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
    """What became of an input that went in before.

    Attributes
    ----------
    successors
        The keys of newer inputs that brought something for the same tickers and time.
    is_replaced
        Whether somebody else has answered for them since: a vendor over the network, a cache.
    """

    successors: frozenset[str] = frozenset()
    is_replaced: bool = False


def earlier_ingests(store: Repository, keys: Sequence[str]) -> dict[str, EarlierIngest]:
    """What became of those inputs of `keys` that went in before; told by the ledger, no data file is read."""
    with store.connection() as connection:
        rows = fetch_rows(connection, sqlfiles.load("ingest.earlier_ingests"), {"keys": list(keys)})
    return {row["input_key"]: EarlierIngest(frozenset(row["successors"]), row["is_replaced"]) for row in rows}


def already_ingested(keys: Sequence[str], pasts: Mapping[str, EarlierIngest]) -> set[str]:
    """Of inputs that are given together, in that order, those that may be passed over.

    An input stands if nothing newer speaks of what it brought, or only inputs that are given with it and stand
    themselves: giving the same files again changes nothing. Where one goes in again, so do its successors that follow.
    """
    place = {key: number for number, key in enumerate(keys)}
    stand = {key for key in keys if key in pasts and not pasts[key].is_replaced}
    while True:
        fallen = {key for key in stand if not pasts[key].successors <= stand}
        again = {key for key in pasts if key in place and key not in stand} | fallen
        fallen |= {
            successor for key in again for successor in pasts[key].successors & stand if place[successor] > place[key]
        }
        if not fallen:
            return stand
        stand -= fallen
