"""Apply a configuration: make its universe, calendars and thresholds the defaults of views and macros."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.calendars import calendar_tables, canonical_name
from mtstore.custom_calendars import OwnCalendar
from mtstore.duckdb_instance import fetch_rows

if TYPE_CHECKING:
    from mtstore.config import Config
    from mtstore.storage.commit.commit import Commit
    from mtstore.storage.repository import Repository


def apply_config(store: Repository, config: Config) -> int:
    """Make `config` the default of the store's views and macros; return the number of the new snapshot.

    It replaces an earlier configuration. Other metadata of a ticker stay; where both have a key, the configuration
    wins.

    Raises
    ------
    StoreLockedError
        Another process wrote for longer than the timeout.
    """
    own = config.custom_calendars()
    with store.begin("config apply") as commit:
        _upsert_tickers(commit, config, own)
        _upsert_settings(commit, config)
        _upsert_calendars(commit, own)
        return commit.finish()


def _upsert_tickers(commit: Commit, config: Config, own: Mapping[str, OwnCalendar]) -> None:
    known = {row["ticker"]: row["metadata"] for row in _rows(commit, "settings.ticker_metadata")}
    rows = {name: settings.to_row() for name, settings in config.all_tickers.items()}
    for ticker, row in rows.items():
        if row["calendar"] is not None:
            row["calendar"] = canonical_name(row["calendar"], own)
        row["metadata"] = _merged(known.get(ticker), row["metadata"])
    commit.delete("ticker_settings", [{"ticker": ticker} for ticker in known if ticker not in rows])
    kept = [{"ticker": ticker, "metadata": text} for ticker, text in known.items() if ticker not in rows and text]
    commit.upsert("ticker_settings", [row | {"updated_at": commit.at} for row in (*rows.values(), *kept)])


def _merged(known: str | None, configured: str | None) -> str | None:
    merged = {**json.loads(known or "{}"), **json.loads(configured or "{}")}
    return json.dumps(merged, sort_keys=True) if merged else None


def _upsert_settings(commit: Commit, config: Config) -> None:
    settings = config.default_settings()
    stale = [row["key"] for row in _rows(commit, "objects.applied_settings") if row["key"] not in settings]
    commit.delete("settings", [{"key": key} for key in stale])
    commit.upsert("settings", [{"key": key, "value": json.dumps(value)} for key, value in settings.items()])


def _upsert_calendars(commit: Commit, own: Mapping[str, OwnCalendar]) -> None:
    if not own:
        return
    zones, sessions = calendar_tables(own, own=own)
    rows = sessions.to_pylist()
    open_days = {(row["calendar"], row["session_date"]) for row in rows}
    commit.delete("sessions", _closed_days(commit, own, open_days))
    commit.upsert("calendars", zones.to_pylist())
    commit.upsert("sessions", rows)


def _closed_days(
    commit: Commit, own: Mapping[str, OwnCalendar], open_days: set[tuple[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the sessions that only an earlier version of these calendars has."""
    for row in _rows(commit, "derive.calendar_sessions", {"calendars": list(own)}):
        if (row["calendar"], row["session_date"]) not in open_days:
            yield row


def _rows(commit: Commit, statement: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    return fetch_rows(commit.reader, sqlfiles.load(statement), parameters)
