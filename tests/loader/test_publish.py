from __future__ import annotations

import json

import pytest

import mtstore
from mtstore.config import load_config
from mtstore.storage.settings.apply_config import apply_config


@pytest.fixture
def store(tmp_path):
    with mtstore.open(tmp_path / "store", create=True) as made:
        yield made


def rows(store, sql):
    return store.sql(sql).fetchall()


def test_every_ticker_is_published_with_its_resolved_settings(store):
    config = load_config(
        {
            "multi_ticker": {"tickers": {"B": {"priority": 2, "calendar": "NYSE"}, "A": {"active_from": "2020-01-31"}}},
            "ticker_config": {
                "defaults": {"session_start": "9:45", "session_end": "15:45"},
                "overrides": {"SPY": {"max_gap_minutes": 2.0, "session_start": None, "session_end": None}},
            },
        }
    )
    apply_config(store.repository, config)
    sql = (
        "SELECT ticker, universe_position, priority, calendar, session_start, active_from::VARCHAR, max_gap_minutes "
        "FROM tickers ORDER BY ticker"
    )
    assert rows(store, sql) == [
        ("A", 1, None, "XNYS", "09:45", "2020-01-31", 5.0),
        ("B", 0, 2, "XNYS", "09:45", None, 5.0),
        ("SPY", None, None, "XNYS", None, None, 2.0),
    ]


def test_a_later_configuration_replaces_an_earlier_one_and_keeps_what_others_described(store):
    apply_config(store.repository, load_config({"tickers": {"A": {}, "B": {"metadata": {"sector": "Tech", "cap": 1}}}}))
    apply_config(store.repository, load_config({"tickers": {"C": {}}, "alignment": {"timezone": "UTC"}}))
    assert rows(store, "SELECT ticker, in_universe, metadata FROM tickers ORDER BY ticker") == [
        ("B", False, '{"cap": 1, "sector": "Tech"}'),
        ("C", True, None),
    ]
    apply_config(store.repository, load_config({"tickers": {"B": {"metadata": {"cap": 2}}}}))
    assert rows(store, "SELECT ticker, metadata FROM tickers") == [("B", '{"cap": 2, "sector": "Tech"}')]


def test_the_defaults_of_macros_follow_the_configuration(store):
    config = load_config({"tickers": ["A"], "alignment": {"resampling": "5min", "fill_volume": "null"}})
    apply_config(store.repository, config)
    settings = {key: json.loads(value) for key, value in rows(store, "SELECT key, value FROM core.settings")}
    assert settings == config.default_settings()


def test_a_calendar_of_one_s_own_brings_its_sessions_and_takes_back_those_it_no_longer_has(store):
    def config(holidays):
        calendar = {
            "timezone": "Asia/Tokyo",
            "open": "09:00",
            "close": "15:00",
            "from": "2023-01-02",
            "to": "2099-12-31",
        }
        return load_config(
            {
                "multi_ticker": {"tickers": {"A": {"calendar": "MINE"}}},
                "calendars": {"MINE": {**calendar, "holidays": holidays}},
            }
        )

    sql = (
        "SELECT session_date::VARCHAR, epoch(open_ts)::BIGINT FROM sessions "
        "WHERE calendar = 'MINE' AND session_date < DATE '2023-01-05' ORDER BY session_date"
    )
    apply_config(store.repository, config(["2023-01-03"]))
    assert rows(store, sql) == [("2023-01-02", 1672617600), ("2023-01-04", 1672790400)]
    apply_config(store.repository, config(["2023-01-02"]))
    assert rows(store, sql) == [("2023-01-03", 1672704000), ("2023-01-04", 1672790400)]


def test_what_was_published_survives_a_rebuild(store):
    apply_config(
        store.repository, load_config({"tickers": {"A": {"weight": 1.0}}, "alignment": {"method": "forward_fill"}})
    )
    before = rows(store, "SELECT * FROM core.settings ORDER BY key"), rows(store, "SELECT ticker, weight FROM tickers")
    store.rebuild()
    assert before == (
        rows(store, "SELECT * FROM core.settings ORDER BY key"),
        rows(store, "SELECT ticker, weight FROM tickers"),
    )
