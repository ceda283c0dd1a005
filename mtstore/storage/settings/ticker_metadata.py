"""What is known of tickers besides their bars: read, merged under the write lock; its history is in the commit log."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from numbers import Number
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import InputError, RangeError
from mtstore.storage.commit import commit_log as log
from mtstore.storage.commit.staging import staging_folder
from mtstore.storage.layout import encode_ticker

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository

_TABLE = "ticker_settings"


@dataclass(frozen=True, slots=True)
class MetadataVersion:
    """What was known of a ticker from a moment on.

    Attributes
    ----------
    known_at
        When it was said, UTC.
    snapshot
        The store's generation that first had it.
    active_from, active_to
        The first and last session the ticker is shown for, both included; None leaves that end open.
    """

    known_at: datetime
    snapshot: int
    metadata: dict[str, Any] = field(default_factory=dict)
    active_from: date | None = None
    active_to: date | None = None


def read_metadata(store: Repository, tickers: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """The metadata of some tickers, or of all that have any."""
    with store.connection() as connection:
        rows = fetch_rows(connection, sqlfiles.load("settings.ticker_metadata"))
    return {
        row["ticker"]: json.loads(row["metadata"])
        for row in rows
        if row["metadata"] and (tickers is None or row["ticker"] in tickers)
    }


def merge_metadata(
    store: Repository, changes: Mapping[str, Mapping[str, Any]], *, remove: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """MergeResult values into the metadata of tickers, mappings within mappings too; gives what they have then.

    One commit for all of them, and none if nothing changes. `remove` are keys that go.

    Raises
    ------
    InputError
        A value that JSON cannot hold. TickerError: a name that no ticker can have.
    """
    if not isinstance(changes, Mapping):
        raise InputError(f"metadata comes by ticker, {{'AAPL': {{…}}}}, got {type(changes).__name__}")
    for ticker in changes:
        encode_ticker(ticker)
    changes = {ticker: _as_json(ticker, values) for ticker, values in changes.items()}

    def change(row: dict[str, Any]) -> dict[str, Any]:
        known = json.loads(row.get("metadata") or "{}")
        merged = merge_mappings(known, changes[row["ticker"]])
        kept = {key: value for key, value in merged.items() if key not in remove}
        return {**row, "metadata": json.dumps(kept, sort_keys=True) if kept else None}

    rows = _change_rows(store, changes, change)
    return {ticker: json.loads(row["metadata"] or "{}") for ticker, row in rows.items()}


def set_active_range(store: Repository, ticker: str, first: date | None, last: date | None) -> None:
    """Say between which sessions, both included, a ticker is shown.

    Raises
    ------
    RangeError
        The first lies after the last.
    """
    encode_ticker(ticker)
    if first is not None and last is not None and first > last:
        raise RangeError(f"{ticker}: active_from {first} lies after active_to {last}")
    _change_rows(store, [ticker], lambda row: {**row, "active_from": first, "active_to": last})


def metadata_history(store: Repository, ticker: str) -> list[MetadataVersion]:
    """Every version of what was known of a ticker, the oldest first: read from the commit log, so rebuilds keep it."""
    versions: list[MetadataVersion] = []
    known: tuple[Any, ...] = ({}, None, None)
    for generation in store.layout.snapshots(store.layout.log):
        entry = log.read_entry(store.layout.log_file(generation), _TABLE)
        found = known
        for record in entry.records:
            if record.row.get("ticker") == ticker:
                row = record.row if record.op == "put" else {}
                days = [row.get(name) for name in ("active_from", "active_to")]
                first, last = (None if day is None else date.fromisoformat(day) for day in days)
                found = (json.loads(row.get("metadata") or "{}"), first, last)
        if found != known:
            versions.append(MetadataVersion(entry.committed_at, generation, *found))
            known = found
    return versions


def merge_mappings(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`known` with the values of `new`; where both have a mapping, these are merged in turn."""
    merged = dict(known)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge_mappings(merged[key], value) if both else value
    return merged


def _change_rows(
    store: Repository, tickers: Iterable[str], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Change the settings of tickers as they are under the lock, so that nobody else's change is lost."""
    wanted = list(tickers)
    with staging_folder(store.layout) as folder, store.begin("ticker metadata", folder) as commit:
        rows = fetch_rows(commit.reader, sqlfiles.load("settings.ticker_settings"), {"tickers": wanted})
        known = {row["ticker"]: row for row in rows}
        changed = {ticker: change(known.get(ticker, {"ticker": ticker, "metadata": None})) for ticker in wanted}
        new = [row for ticker, row in changed.items() if row != known.get(ticker) and (ticker in known or _says(row))]
        commit.upsert(_TABLE, [row | {"updated_at": commit.at} for row in new])
        commit.finish()
    return changed


def _says(row: Mapping[str, Any]) -> bool:
    """Whether a row says more than a ticker's name."""
    return any(value is not None for name, value in row.items() if name != "ticker")


def _as_json(ticker: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON has them: numpy's numbers are numbers."""
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise InputError(f"{ticker}: metadata is a mapping with text keys, got {values!r}")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False, default=_plain_number))
    except (TypeError, ValueError) as error:
        raise InputError(f"{ticker}: metadata must be what JSON can hold: {error}") from error
    return plain


def _plain_number(value: Any) -> Any:
    if isinstance(value, Number) and callable(getattr(value, "item", None)):
        return value.item()  # type: ignore[attr-defined]
    raise TypeError(f"{value!r} is a {type(value).__name__}")
