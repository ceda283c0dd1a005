"""Calendars of a configuration are computed once, and stored by column."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

import mtstore
from mtstore import sqlfiles
from mtstore.calendars import calendar_tables
from mtstore.config import load_config
from mtstore.storage.commit import commit_log
from mtstore.storage.commit.commit_log import LogEntry, LogRecord, read_entry
from mtstore.storage.settings import apply_config as applying

HOURS = {"timezone": "Europe/Berlin", "open": "09:00", "close": "17:00", "holidays": ["2024-12-25", "2023-12-25"]}


def _apply(store: mtstore.Store, **calendars: dict[str, Any]) -> int:
    names = [*calendars, "XWBO"]
    tickers = {f"T{place}": {"calendar": name, "metadata": {"place": place}} for place, name in enumerate(names)}
    config = load_config({"calendars": calendars, "multi_ticker": {"tickers": tickers}})
    return applying.apply_config(store.repository, config)


def _sessions(store: mtstore.Store) -> list[tuple[Any, ...]]:
    with store.repository.connection() as connection:
        return connection.execute("SELECT * FROM core.sessions ORDER BY ALL").fetchall()


def test_an_unchanged_configuration_makes_no_snapshot(store: mtstore.Store) -> None:
    calendars: dict[str, dict[str, Any]] = {
        "DESK": HOURS,
        "AMENDED": {"based_on": "CMES", "half_days": {"2024-03-05": "12:00"}},
    }
    assert _apply(store, **calendars) == _apply(store, **calendars)


def test_only_changed_custom_calendars_are_computed(store: mtstore.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[list[str]] = []

    def noted(names: Any, **options: Any) -> Any:
        computed.append(sorted(names))
        return calendar_tables(names, **options)

    monkeypatch.setattr(applying, "calendar_tables", noted)
    _apply(store, A=HOURS, B=HOURS)
    _apply(store, A=HOURS, B=HOURS | {"close": "18:00"}, C=HOURS)
    monkeypatch.setattr(applying, "version", lambda _: "another")
    _apply(store, A=HOURS)
    assert computed == [["A", "B"], ["B", "C"], ["A"]]


def test_a_commit_with_new_calendars_builds_the_time_line_once(
    store: mtstore.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = sqlfiles.load

    def noted(name: str, **values: Any) -> Any:
        loaded.append(name)
        return load(name, **values)

    monkeypatch.setattr(sqlfiles, "load", noted)
    _apply(store, DESK=HOURS)
    assert loaded.count("session_days.build") == 1


def test_a_calendar_is_one_record_that_equals_a_record_per_session(store: mtstore.Store) -> None:
    snapshot = _apply(store, DESK=HOURS)
    entry = read_entry(store.repository.layout.log_file(snapshot))
    records = [record for record in entry.records if record.table == "sessions"]
    assert sorted(record.row["calendar"][0] for record in records) == ["DESK", "XWBO"]

    def by_row(record: LogRecord) -> list[LogRecord]:
        """The records of the same rows as earlier versions wrote them."""
        if record.op != "put_columns":
            return [record]
        values = zip(*record.row.values(), strict=True)
        return [LogRecord("put", record.table, dict(zip(record.row, one, strict=True))) for one in values]

    stored = _sessions(store)
    rows: LogEntry = replace(entry, records=tuple(one for record in entry.records for one in by_row(record)))
    staged = commit_log.write_entry(rows, store.repository.layout.tmp)
    staged.replace(store.repository.layout.log_file(snapshot))
    store.rebuild()
    assert _sessions(store) == stored


def test_a_commit_reads_no_records_of_the_last_one(store: mtstore.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _apply(store, DESK=HOURS)
    parsed: list[str] = []
    loads = json.loads

    def noted(text: str | bytes) -> Any:
        parsed.append(str(text))
        return loads(text)

    monkeypatch.setattr(json, "loads", noted)
    with store.repository.begin("a commit"):
        assert not [text for text in parsed if "session_date" in text]
