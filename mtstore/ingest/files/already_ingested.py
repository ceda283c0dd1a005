"""Find the inputs that need not be ingested again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.ingest.files.inputs.custom_input import CustomInput
from mtstore.ingest.files.inputs.input_file import Input
from mtstore.storage.commit.coverage_ledger import request_key

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


def input_key(one: Input, tickers: Collection[str] | None) -> str:
    """Return the key by which an ingest of the same input is recognised."""
    named = sorted(tickers) if tickers is not None else None
    key = {"sha256": one.sha256, "source": one.binding.source, "schema": one.schema, "tickers": named}
    if isinstance(one, CustomInput) and one.futures:
        # Once its ticker is a future, a file has bars that were quarantined before: it must be ingested again.
        futures = sorted(one.futures & set(one.named_tickers()) if one.named_tickers() else one.futures)
        key |= {"futures": futures} if futures else {}
    return request_key(key | {"request": dict(one.request())})


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
