"""Apply a configuration: make its universe, calendars and thresholds the defaults of views and macros."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.calendars import calendar_tables, canonical_name, listed_years
from mtstore.custom_calendars import OwnCalendar, definition_digest
from mtstore.duckdb_instance import fetch_rows

if TYPE_CHECKING:
    import pyarrow as pa

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
    stored = _rows(commit, "settings.ticker_settings", {"tickers": list(rows)})
    changed = [row for row in rows.values() if row not in stored]
    commit.upsert("ticker_settings", [row | {"updated_at": commit.at} for row in (*changed, *kept)])


def _merged(known: str | None, configured: str | None) -> str | None:
    merged = {**json.loads(known or "{}"), **json.loads(configured or "{}")}
    return json.dumps(merged, sort_keys=True) if merged else None


def _upsert_settings(commit: Commit, config: Config) -> None:
    settings = {key: json.dumps(value) for key, value in config.default_settings().items()}
    stored = {row["key"]: row["value"] for row in _rows(commit, "objects.applied_settings")}
    commit.delete("settings", [{"key": key} for key in stored if key not in settings])
    changed = {key: text for key, text in settings.items() if stored.get(key) != text}
    commit.upsert("settings", [{"key": key, "value": text} for key, text in changed.items()])


def _upsert_calendars(commit: Commit, own: Mapping[str, OwnCalendar]) -> None:
    # The sessions also follow from the library's version and from the last year that is listed.
    context = (version("exchange_calendars"), listed_years())
    digests = {name: definition_digest(calendar, context) for name, calendar in own.items()}
    stored = {row["calendar"]: row["definition"] for row in _rows(commit, "derive.calendar_definitions")}
    changed = {name: calendar for name, calendar in own.items() if stored.get(name) != digests[name]}
    if not changed:
        return
    zones, sessions = calendar_tables(changed, own=own)
    commit.delete("sessions", _closed_days(commit, changed, sessions))
    commit.upsert("calendars", [zone | {"definition": digests[zone["calendar"]]} for zone in zones.to_pylist()])
    commit.upsert_table("sessions", sessions)


def _closed_days(commit: Commit, own: Mapping[str, OwnCalendar], sessions: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the sessions that only an earlier version of these calendars has."""
    keys = (sessions[name].to_pylist() for name in ("calendar", "session_date"))
    open_days = set(zip(*keys, strict=True))
    for row in _rows(commit, "derive.calendar_sessions", {"calendars": list(own)}):
        if (row["calendar"], row["session_date"]) not in open_days:
            yield row


def _rows(commit: Commit, statement: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    return fetch_rows(commit.reader, sqlfiles.load(statement), parameters)
