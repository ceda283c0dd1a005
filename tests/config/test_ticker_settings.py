from __future__ import annotations

import json
from datetime import time

import pytest

from mtstore.config import load_config
from mtstore.config.fields import memory_bytes
from mtstore.config.resolved_yaml import resolved_tree, resolved_yaml, unset_keys
from mtstore.config.sources import LocalSource
from mtstore.custom_calendars import CustomCalendar

UNSAID = object()

# One row per setting: its values in the global sections, ticker_config.defaults, multi_ticker.tickers.X and
# ticker_config.overrides.X, from weakest to strongest, and the name it has once resolved.
SETTINGS = [
    ("data_source", UNSAID, "a", "b", "c", "data_source"),
    ("timezone", "Asia/Tokyo", "Europe/London", "Asia/Kolkata", "UTC", "timezone"),
    ("resampling", "1min", "5min", "15min", "1h", "bar_interval"),
    ("session_start", UNSAID, "08:00", "09:00", "10:00", "session_start"),
    ("session_end", UNSAID, "14:00", "15:00", "16:00", "session_end"),
    ("calendar", UNSAID, "XNYS", "CMES", "24/7", "calendar"),
    ("priority", UNSAID, 1, 2, 3, "priority"),
    ("weight", UNSAID, 0.1, 0.2, 0.3, "weight"),
    ("max_gap_minutes", 4.0, 5.0, 6.0, 7.0, "max_gap_minutes"),
    ("outlier_std_threshold", 2.0, 3.0, 4.0, 5.0, "outlier_std_threshold"),
    ("check_gaps", False, True, False, True, "check_gaps"),
    ("check_outliers", False, True, False, True, "check_outliers"),
    ("on_failure", "raise", "drop", "flag", "warn", "on_failure"),
]
GLOBAL_SECTION = {"timezone": "alignment", "resampling": "alignment"}


def config_of(key, values):
    everywhere, defaults, tickers, overrides = values
    multi = {"tickers": {"X": {} if tickers is UNSAID else {key: tickers}}}
    if everywhere is not UNSAID:
        multi[GLOBAL_SECTION.get(key, "validation")] = {key: everywhere}
    return load_config(
        {
            "multi_ticker": multi,
            "ticker_config": {
                "defaults": {} if defaults is UNSAID else {key: defaults},
                "overrides": {} if overrides is UNSAID else {"X": {key: overrides}},
            },
        }
    )


@pytest.mark.parametrize("strongest", range(4))
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting[0])
def test_the_last_layer_that_states_a_setting_wins(setting, strongest):
    key, *values, name = setting
    stated = [value if layer <= strongest else UNSAID for layer, value in enumerate(values)]
    expected = None if stated[strongest] is UNSAID else stated[strongest]
    assert getattr(config_of(key, stated).ticker("X"), name) == expected


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting[0])
def test_a_layer_wins_over_those_below_even_if_the_ones_between_say_nothing(setting):
    key, everywhere, defaults, _, overrides, name = setting
    assert getattr(config_of(key, (everywhere, defaults, UNSAID, overrides)).ticker("X"), name) == overrides
    assert getattr(config_of(key, (everywhere, defaults, UNSAID, UNSAID)).ticker("X"), name) == defaults


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting[0])
def test_a_null_takes_back_what_earlier_layers_said_down_to_the_global_value(setting):
    key, everywhere, defaults, tickers, _, name = setting
    found = getattr(config_of(key, (everywhere, defaults, tickers, None)).ticker("X"), name)
    assert found == (None if everywhere is UNSAID else everywhere)


@pytest.mark.parametrize(("key", "value"), [("outlier_std_threshold", 3.0), ("on_failure", "warn")])
def test_outlier_limit_is_configured_where_a_layer_states_it(key, value):
    layers = [[value if place == stated else UNSAID for place in range(4)] for stated in range(4)]
    for stated in layers:
        config = config_of(key, stated)
        assert config.ticker("X").outlier_warning_std == 3.0
        assert load_config(resolved_tree(config)).ticker("X") == config.ticker("X")
    for stated in ([UNSAID] * 4, [UNSAID, value, UNSAID, None]):
        config = config_of(key, stated)
        assert config.ticker("X").outlier_warning_std == 8.0
        assert load_config(resolved_tree(config)).ticker("X") == config.ticker("X")


def test_overrides_apply_to_tickers_outside_the_universe():
    config = load_config({"multi_ticker": {"tickers": ["A"]}, "ticker_config": {"overrides": {"SPY": {"weight": 2.0}}}})
    assert config.universe == ("A",)
    assert config.ticker("SPY").weight == 2.0
    assert config.ticker("SPY").universe_position is None
    assert [entry.ticker for entry in config.all_tickers.values()] == ["A", "SPY"]


def test_unconfigured_ticker_has_the_defaults():
    config = load_config({"multi_ticker": {}, "ticker_config": {"defaults": {"resampling": "5m"}}})
    assert config.ticker("ANY").bar_interval == "5min"


def test_metadata_is_merged_key_by_key():
    config = load_config(
        {
            "multi_ticker": {"tickers": {"A": {"metadata": {"sector": "Tech", "cap": 1}}}},
            "ticker_config": {
                "defaults": {"metadata": {"country": "US", "cap": 0}},
                "overrides": {"A": {"metadata": {"cap": 2, "tags": ["x"]}}},
            },
        }
    )
    assert config.ticker("A").metadata == {"country": "US", "sector": "Tech", "cap": 2, "tags": ["x"]}


def test_priority_one_is_fetched_first_none_last_and_ties_stay_as_written():
    config = load_config(
        {"tickers": {"A": {}, "B": {"priority": 2}, "C": {"priority": 1}, "D": {}, "E": {"priority": 1}}}
    )
    assert config.fetch_order() == ("C", "E", "B", "A", "D")


def test_a_row_has_the_columns_of_the_settings_table():
    config = load_config({"tickers": {"A": {"metadata": {"b": 1, "a": None}}, "B": {}}})
    columns = {
        *("ticker", "universe_position", "data_source", "priority", "weight", "calendar", "session_start"),
        *("session_end", "timezone", "bar_interval", "active_from", "active_to", "max_gap_minutes"),
        *("outlier_std_threshold", "metadata"),
    }
    assert set(config.ticker("A").to_row()) == columns
    assert json.loads(config.ticker("A").to_row()["metadata"]) == {"a": None, "b": 1}
    assert config.ticker("B").to_row()["metadata"] is None
    assert config.ticker("B").universe_position == 1


def test_published_defaults_are_json_by_dotted_key():
    published = load_config({"alignment": {"method": "inner_join"}}).default_settings()
    assert published["alignment.method"] == "inner_join"
    assert published["validation.max_gap_minutes"] == 5.0
    assert json.loads(json.dumps(published)) == published


def test_own_calendars_are_read_with_times_as_text():
    config = load_config(
        {
            "multi_ticker": {"tickers": {"A": {"calendar": "MINE"}}},
            "calendars": {
                "MINE": {
                    "timezone": "Asia/Tokyo", "open": "9:00", "close": "15:00", "break": ["11:30", "12:30"],
                    "holidays": ["2023-01-02"], "half_days": {"2023-12-29": "11:30"}, "days": ["mon", "tue"],
                    "from": "2020-01-01",
                }
            },
        }
    )  # fmt: skip
    own = config.custom_calendars()["MINE"]
    assert isinstance(own, CustomCalendar)
    assert own.open.isoformat() == "09:00:00"
    assert own.break_end == time(12, 30)
    assert own.days == {"mon", "tue"}
    assert [day.isoformat() for day in own.half_days or ()] == ["2023-12-29"]


def test_the_resolved_configuration_means_the_same_when_it_is_loaded_again(tmp_path):
    config = load_config(
        {
            "multi_ticker": {"tickers": {"ON": {"weight": 1.0, "session_start": "9:30"}, "A": {}}},
            "ticker_config": {
                "defaults": {"session_end": "16:00", "active_from": "2020-01-31", "metadata": {"x": "037"}},
                "overrides": {"A": {"session_end": None, "resampling": "1h"}, "SPY": {"check_gaps": False}},
            },
            "sources": {"p": {"provider": "polygon", "api_key": "${MY_KEY}"}},
        }
    )
    path = tmp_path / "resolved.yaml"
    path.write_text(resolved_yaml(config), encoding="utf-8")
    again = load_config(path)
    assert [again.ticker(name) for name in ("ON", "SPY", "OTHER")] == [
        config.ticker(name) for name in ("ON", "SPY", "OTHER")
    ]
    assert again.ticker("A") == config.ticker("A")
    assert resolved_tree(again) == resolved_tree(config)


def test_keys_are_shown_as_the_names_of_their_variables(monkeypatch):
    monkeypatch.setenv("SET_KEY", "sk-secret")
    monkeypatch.delenv("UNSET_KEY", raising=False)
    config = load_config(
        {"sources": {name: {"provider": "polygon", "api_key": f"${{{name.upper()}_KEY}}"} for name in ("set", "unset")}}
    )
    assert "${SET_KEY}" in resolved_yaml(config)
    assert "sk-secret" not in resolved_yaml(config)
    assert unset_keys(config) == ("UNSET_KEY",)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("8GB", 8_000_000_000), ("1.5GiB", 1_610_612_736), ("512 MB", 512_000_000), ("50%", 500), ("4kb", 4_000)],
)
def test_memory_limits_are_sizes_or_shares_of_what_is_free(limit, expected):
    assert memory_bytes(limit, free_bytes=1_000) == expected


def test_the_calendars_that_are_taken_unseen_exist():
    from mtstore.calendars import COMMON_CALENDARS, calendar_names, session_table

    assert set(COMMON_CALENDARS) <= set(calendar_names())
    assert all(session_table(name).num_rows for name in COMMON_CALENDARS)


def test_every_network_source_gives_the_settings_of_its_client(monkeypatch):
    from mtstore.sources.http.settings import NetworkSettings, Secret

    monkeypatch.setenv("SOME_KEY", "value")
    sources = {
        "p": {"provider": "polygon", "api_key": "${SOME_KEY}", "base_url": "http://127.0.0.1:1", "client": "massive"},
        "d": {"provider": "databento", "api_key": "${SOME_KEY}", "dataset": "XNAS.ITCH", "max_cost_usd": 2.5},
    }
    for name, source in load_config({"sources": sources}).sources.items():
        assert not isinstance(source, LocalSource)
        given = source.model_dump(by_alias=True, exclude={"api_key"})
        made = NetworkSettings(source=name, api_key=Secret(source.api_key.reveal), **given)
        assert made.api_key is not None
        assert made.api_key.reveal() == "value"
        assert {key: getattr(made, key) for key in given} == given


def test_a_calendar_has_one_name():
    config = load_config({"tickers": {"A": {"calendar": "NYSE"}, "B": {"calendar": "CME"}}})
    assert [config.ticker(name).calendar for name in "AB"] == ["XNYS", "CMES"]
