"""Library calendars with some dates amended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import mtstore
from mtstore.calendars import calendar_timezone, session_table
from mtstore.config import load_config
from mtstore.errors import InputError
from mtstore.storage.settings.apply_config import apply_config

ES = {
    "based_on": "CMES",
    "half_days": {"2024-11-29": "12:15"},
    "holidays": ["2025-01-10"],
    "sessions": ["2024-03-29"],
}


def _rows(entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    own = load_config({"calendars": {"ES": entry}}).custom_calendars()
    table = session_table("ES", own=own, last=date(2025, 12, 31))
    assert calendar_timezone("ES", own) == "America/Chicago"
    return {str(row["session_date"]): row for row in table.to_pylist()}


def test_amended_dates_alone_differ_from_the_base() -> None:
    amended = _rows(ES)
    base = {str(row["session_date"]): row for row in session_table("CMES", last=date(2025, 12, 31)).to_pylist()}
    differing = {
        day
        for day in base.keys() | amended.keys()
        if (base.get(day) or {}) | {"calendar": "ES"} != (amended.get(day) or {"calendar": "ES"})
    }
    assert differing == {"2024-03-29", "2024-11-29", "2025-01-10"}
    assert f"{amended['2024-11-29']['close_ts']:%F %H:%M}" == "2024-11-29 18:15"
    assert amended["2024-11-29"]["is_half_day"]


def test_an_added_session_has_the_usual_hours() -> None:
    row = _rows(ES)["2024-03-29"]
    texts = [f"{row[name]:%d %H:%M}" for name in ("open_ts", "break_start_ts", "break_end_ts", "close_ts")]
    assert texts == ["28 22:00", "29 21:00", "29 22:00", "29 22:00"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"based_on": "CMEX"}, r"calendars.ES.based_on: unknown calendar 'CMEX'; did you mean 'CME'\?"),
        ({"based_on": "CMES", "open": "09:30"}, r"ES.open: .*based_on takes the hours of CMES; remove this key"),
        ({"timezone": "UTC", "open": "9:00", "close": "17:00", "sessions": ["2024-03-29"]}, r"ES.sessions: .*based_on"),
        ({**ES, "holidays": ["2024-11-29"]}, r"ES.half_days: .*2024-11-29 is one of the holidays"),
        ({**ES, "half_days": {"2024-12-25": "12:00"}}, r"2024-12-25: 12:00 .*CMES has no session on that date"),
        ({**ES, "half_days": {"2024-11-29": "18:00"}}, r"2024-11-29: 18:00 .*is not within the hours"),
    ],
)
def test_an_amendment_that_cannot_hold_is_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _rows(entry)


def test_applied_amendments_are_the_sessions_of_a_ticker(store: mtstore.Store) -> None:
    config = {"multi_ticker": {"tickers": {"ESZ4": {"calendar": "ES"}}}, "calendars": {"ES": ES}}
    apply_config(store.repository, load_config(json.loads(json.dumps(config))))
    found = store.sql(
        "SELECT close_ts = TIMESTAMPTZ '2024-11-29 18:15:00+00' FROM sessions"
        " WHERE calendar = 'ES' AND session_date = DATE '2024-11-29'"
    )
    assert found.fetchall() == [(True,)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[mtstore.Store]:
    with mtstore.open(tmp_path / "store", create=True) as opened:
        yield opened
