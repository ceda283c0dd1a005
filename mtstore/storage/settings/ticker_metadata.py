"""Metadata of tickers: read and merge them; their history is read from the commit log."""

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
from mtstore.storage.layout import encode_ticker

if TYPE_CHECKING:
    from mtstore.storage.repository import Repository

_TABLE = "ticker_settings"
# Keys of a ticker's configuration that facts about a ticker are not called by; `weight` and `priority` may be facts.
_SETTINGS = ("calendar", "session_start", "session_end", "timezone", "data_source", "resampling", "bar_interval")
_ACTIVE_RANGE = ("active_from", "active_to")


@dataclass(frozen=True, slots=True)
class MetadataVersion:
    """The metadata of a ticker from an instant on.

    Attributes
    ----------
    known_at
        When they were written, UTC.
    snapshot
        The first snapshot that has them.
    active_from, active_to
        The first and last session the ticker is shown for, both included; None leaves that end open.
    """

    known_at: datetime
    snapshot: int
    metadata: dict[str, Any] = field(default_factory=dict)
    active_from: date | None = None
    active_to: date | None = None


def read_metadata(store: Repository, tickers: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return the metadata of some tickers, or of all that have any."""
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
    """Merge values, nested mappings too, into the metadata of tickers; return their new metadata.

    All changes are one commit; without changes there is none. `remove` are keys to delete.

    Raises
    ------
    InputError
        A value that JSON cannot represent. TickerError: a name that is not valid for a ticker.
    """
    if not isinstance(changes, Mapping):
        raise InputError(f"metadata: was {type(changes).__name__}; use a mapping by ticker like {{'AAPL': {{…}}}}")
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


def reject_settings(changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise InputError for a key that is a setting of tickers: among the metadata it would have no effect."""
    for ticker, values in changes.items():
        for name in (*_SETTINGS, *_ACTIVE_RANGE):
            if not isinstance(values, Mapping) or name not in values:
                continue
            key = f"multi_ticker.tickers.{ticker}.{'resampling' if name == 'bar_interval' else name}"
            remedy = f"set {key} in a configuration and run `mtstore config apply STORE FILE`"
            if name in _ACTIVE_RANGE:
                remedy = f"call set_active_range({ticker!r}, …)"
            raise InputError(f"{ticker}: metadata: {name} is a setting, which metadata do not change; {remedy}")


def set_active_range(store: Repository, ticker: str, first: date | None, last: date | None) -> None:
    """Set the first and last session, both included, that a ticker is shown for; None leaves an end open.

    Raises
    ------
    RangeError
        `first` is after `last`.
    """
    encode_ticker(ticker)
    if first is not None and last is not None and first > last:
        raise RangeError(f"{ticker}: active_from {first} is after active_to {last}")
    _change_rows(store, [ticker], lambda row: {**row, "active_from": first, "active_to": last})


def metadata_history(store: Repository, ticker: str) -> list[MetadataVersion]:
    """Return every version of a ticker's metadata, the oldest first."""
    versions: list[MetadataVersion] = []
    known: tuple[Any, ...] = ({}, None, None)
    for snapshot in store.layout.snapshots(store.layout.log):
        entry = log.read_entry(store.layout.log_file(snapshot), _TABLE)
        found = known
        for record in entry.records:
            if record.row.get("ticker") == ticker:
                row = record.row if record.op == "put" else {}
                days = [row.get(name) for name in ("active_from", "active_to")]
                first, last = (None if day is None else date.fromisoformat(day) for day in days)
                found = (json.loads(row.get("metadata") or "{}"), first, last)
        if found != known:
            versions.append(MetadataVersion(entry.committed_at, snapshot, *found))
            known = found
    return versions


def merge_mappings(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return `known` updated with `new`; mappings that both have are merged in turn."""
    merged = dict(known)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge_mappings(merged[key], value) if both else value
    return merged


def _change_rows(
    store: Repository, tickers: Iterable[str], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Read, change and write the settings of tickers under the write lock, so that no other change is lost."""
    tickers = list(tickers)
    with store.begin("ticker metadata") as commit:
        rows = fetch_rows(commit.reader, sqlfiles.load("settings.ticker_settings"), {"tickers": tickers})
        known = {row["ticker"]: row for row in rows}
        changed = {ticker: change(known.get(ticker, {"ticker": ticker, "metadata": None})) for ticker in tickers}
        new = [
            row for ticker, row in changed.items() if row != known.get(ticker) and (ticker in known or _has_values(row))
        ]
        commit.upsert(_TABLE, [row | {"updated_at": commit.at} for row in new])
        commit.finish()
    return changed


def _has_values(row: Mapping[str, Any]) -> bool:
    return any(value is not None for name, value in row.items() if name != "ticker")


def _as_json(ticker: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as plain JSON values: numpy's numbers become Python's."""
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise InputError(f"{ticker}: metadata was {values!r}; use a mapping with text keys")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False, default=_plain_number))
    except (TypeError, ValueError) as error:
        raise InputError(f"{ticker}: metadata must be JSON values: {error}") from error
    return plain


def _plain_number(value: Any) -> Any:
    if isinstance(value, Number) and callable(getattr(value, "item", None)):
        return value.item()  # type: ignore[attr-defined]
    raise TypeError(f"{value!r} is a {type(value).__name__}")
