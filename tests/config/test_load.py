from __future__ import annotations

import subprocess
import sys
import traceback
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtstore.config import Config, load_config
from mtstore.config.models import Alignment
from mtstore.config.sources import DatabentoSource, PolygonSource
from mtstore.errors import ConfigError, MtstoreError
from mtstore.intervals import VALID_INTERVALS

REPOSITORY = Path(__file__).resolve().parents[2]


def load_text(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def problems_of(config) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def test_odd_tickers_and_times_stay_text(tmp_path):
    config = load_text(
        tmp_path,
        "tickers: {ON: , NO: {session_start: 9:30, session_end: 16:00}, TRUE: {}, 001: {}, null: {}, 1E5: {}}\n",
    )
    assert config.universe == ("ON", "NO", "TRUE", "001", "null", "1E5")
    assert config.ticker("NO").session_start == "09:30"
    assert config.ticker("NO").session_end == "16:00"


def test_numbers_booleans_and_nulls_are_given_where_the_model_wants_them(tmp_path):
    config = load_text(
        tmp_path,
        """
enabled: no
tickers: {AAPL: {priority: 2, weight: 0.25, active_from: 2020-01-31, metadata: {cap: 3.0e12, cusip: 037833100}}}
cache: {ttl_days: null, max_size_gb: 5, compression: off}
alignment: {fill_volume: null, adjust: none, fill_value: ~}
""",
    )
    assert config.multi_ticker.enabled is False
    assert config.multi_ticker.cache.ttl_days is None
    assert config.multi_ticker.cache.max_size_gb == 5.0
    assert config.multi_ticker.cache.compression is False
    assert config.multi_ticker.alignment.fill_volume == "null"
    assert config.multi_ticker.alignment.adjust == "none"
    assert config.multi_ticker.alignment.fill_value is None
    ticker = config.ticker("AAPL")
    assert (ticker.priority, ticker.weight, ticker.active_from) == (2, 0.25, date(2020, 1, 31))
    assert ticker.metadata == {"cap": 3.0e12, "cusip": "037833100"}


def test_the_whole_yaml_and_its_inside_are_the_same_configuration(tmp_path):
    inner = {"tickers": {"AAPL": {"weight": 1.0}}, "alignment": {"method": "forward_fill"}}
    whole = load_text(tmp_path, "multi_ticker:\n  tickers: {AAPL: {weight: 1}}\n  alignment: {method: forward_fill}\n")
    assert load_config(inner) == load_config({"multi_ticker": inner}) == whole
    assert load_config(whole) is whole
    assert load_config(str(tmp_path / "config.yaml")) == whole


@pytest.mark.parametrize("text", ["", "# nothing\n", "multi_ticker:\n", "{}", "multi_ticker: {alignment: , tickers: }"])
def test_empty_sections_mean_the_defaults(tmp_path, text):
    assert load_text(tmp_path, text) == load_config({})


def test_tickers_may_be_a_list():
    assert load_config({"tickers": ["MSFT", "AAPL"]}).universe == ("MSFT", "AAPL")
    assert problems_of({"tickers": ["AAPL", "MSFT", "AAPL"]}) == ("tickers[2]: 'AAPL' is listed twice",)


def test_store_path_is_store_else_cache_dir():
    assert load_config({"store": "/a/b"}).store_path == Path("/a/b")
    assert load_config({"cache": {"cache_dir": "/c"}}).store_path == Path("/c")
    assert load_config({"store": Path("/a/b")}).store_path == Path("/a/b")
    assert load_config({}).store_path == Path("cache")


def test_all_problems_are_listed_at_once_in_the_order_of_the_text(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(
        """multi_ticker:
  tickers:
    AAPL: {priority: 0, data_source: polygn}
    BRK.B: {weight: heavy}
  alignment:
    method: outer
    metod: x
    timezone: America/NewYork
    resampling: 5T
  cache: {ttl_days: -1}
  session: all
ticker_config:
  defaults: {session_start: 09:30}
  overrides: {SPY: {session_end: 9:30}, QQQ: {session_start: 25:00}}
sources:
  polygon: {provider: polygon}
  polygon: {provider: polygon}
""",
        encoding="utf-8",
    )
    assert problems_of(path) == tuple(
        f"""\
multi_ticker.tickers.AAPL.data_source (line 3): 'polygn' is not a source; did you mean 'polygon'? \
(under 'sources': polygon; for files: {{provider: files}})
multi_ticker.tickers.AAPL.priority (line 3): 0: must be at least 1
multi_ticker.tickers['BRK.B'].weight (line 4): 'heavy': must be a number
multi_ticker.alignment.method (line 6): 'outer' is not valid; did you mean 'outer_join'? \
(valid: outer_join, inner_join, forward_fill)
multi_ticker.alignment.metod (line 7): unknown key; did you mean 'method'? (valid: {", ".join(Alignment.model_fields)})
multi_ticker.alignment.timezone (line 8): unknown time zone 'America/NewYork'; did you mean 'America/New_York'?
multi_ticker.alignment.resampling (line 9): '5T' is not a bar interval: write 5min (valid: {VALID_INTERVALS})
multi_ticker.cache.ttl_days (line 10): -1: must be at least 0
multi_ticker.session (line 11): unknown key here; it belongs to multi_ticker.alignment
ticker_config.overrides.SPY.session_end (line 14): '9:30' equals session_start; \
a session must not be empty
ticker_config.overrides.QQQ.session_start (line 14): '25:00': a time of day is written HH:MM or HH:MM:SS, like '09:30'
sources.polygon (line 16): the key is repeated, on lines 16 and 17""".splitlines()
    )


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"tickrs": {}, "alignment": {}}, "tickrs: unknown key; did you mean 'tickers'?"),
        ({"multi_tickers": {}}, "multi_tickers: unknown key; did you mean 'multi_ticker'?"),
        ({"sources": {}, "alignment": {}}, "alignment: unknown key here; it belongs to multi_ticker"),
        ({"enabled": "yes"}, "enabled: 'yes': must be true or false"),
        ({"enabled": 1}, "enabled: 1: must be true or false"),
        ({"tickers": {"A": 5}}, "tickers.A: 5: must be a mapping"),
        ({"tickers": "AAPL"}, "tickers: 'AAPL': must be a mapping"),
        ({"tickers": {True: {}}}, "tickers.True: the key is not text; plain YAML reads ON, NO, TRUE and 001 as"),
        ({"tickers": [True]}, "tickers[0]: True is not text; plain YAML reads ON, NO, TRUE and 001 as"),
        ({"tickers": {"A": {"metadata": {"x": float("nan")}}}}, "tickers.A.metadata: a dict: metadata must be"),
        ({"tickers": {"A": {"metadata": {"x": date(2020, 1, 1)}}}}, "metadata must be representable as JSON"),
        ({"tickers": {"": {}}}, "tickers['']: '': a ticker is not empty"),
        ({"tickers": {"A\x00B": {}}}, "control characters"),
        ({"tickers": {"A": {"session_end": 960}}}, "960: plain YAML reads 16:00 as this number; write '16:00'"),
        ({"tickers": {"A": {"session_end": "16"}}}, "'16': a time of day is written HH:MM"),
        ({"tickers": {"A": {"priority": 1.5}}}, "tickers.A.priority: 1.5: must be a whole number"),
        ({"tickers": {"A": {"priority": True}}}, "tickers.A.priority: True: must be a whole number"),
        ({"tickers": {"A": {"weight": float("nan")}}}, "tickers.A.weight: nan: must be a finite number"),
        ({"tickers": {"A": {"active_from": "2023-02-30"}}}, "'2023-02-30': no such date"),
        ({"tickers": {"A": {"active_from": "31.1.2023"}}}, "'31.1.2023': a date is written YYYY-MM-DD"),
        ({"tickers": {"A": {"calendar": "XNYZ"}}}, "tickers.A.calendar: unknown calendar 'XNYZ'; did you mean 'XNYS'?"),
        ({"tickers": {"A": {"data_source": "No/Such"}}}, "a source's name is lower-case letters"),
        ({"tickers": {"A": {"outlier_std_threshold": 0}}}, "0: must be above 0"),
        ({"alignment": {"max_age": "1mo"}}, "'1mo' is not a duration"),
        ({"alignment": {"fill_volume": "zeros"}}, "did you mean 'zero'? (valid: zero, ffill, null)"),
        ({"alignment": {"resampling": "1M"}}, "write 1min or 1mo"),
        ({"alignment": ["outer_join"]}, "alignment: a list: must be a mapping"),
        ({"cache": {"max_size_gb": "10"}}, "cache.max_size_gb: '10': must be a number"),
        ({"cache": {"cache_dir": ""}}, "cache.cache_dir: must not be empty"),
        ({"memory_limit": "lots"}, "memory_limit: 'lots': a memory limit is a size like '8GB'"),
        ({"memory_limit": "101%"}, "'101%': a memory limit is"),
        ({"multi_ticker": 5}, "multi_ticker: 5: must be a mapping"),
        ({"sources": {"p": {}}}, "sources.p.provider: is missing (valid: polygon, databento, files, synthetic)"),
        ({"sources": {"p": {"provider": "polygn"}}}, "'polygn' is not valid; did you mean 'polygon'?"),
        ({"sources": {"p": 5}}, "sources.p: must be a mapping"),
        ({"sources": {"P": {"provider": "files"}}}, "sources.P: 'P': a source's name is lower-case"),
        ({"sources": {"d": {"provider": "databento"}}}, "sources.d.dataset: is missing"),
        ({"sources": {"d": {"provider": "polygon", "dataset": "X"}}}, "sources.d.dataset: unknown key"),
        ({"calendars": {"C": {"timezone": "UTC", "open": "09:00"}}}, "calendars.C.close: is missing"),
        (
            {"calendars": {"NYSE": {"timezone": "UTC", "open": "09:00", "close": "10:00"}}},
            "calendars.NYSE: 'NYSE' is an exchange's calendar; give yours another name",
        ),
        (
            {"calendars": {"C": {"timezone": "UTC", "open": "09:00", "close": "10:00", "days": ["foo"]}}},
            "calendars.C.days[0]: 'foo': a weekday is one of mon, tue",
        ),
        (
            {"calendars": {"C": {"timezone": "UTC", "open": "09:00", "close": "10:00", "break": ["12:00"]}}},
            "calendars.C.break: a list: must have 2 items",
        ),
    ],
)  # fmt: skip
def test_each_mistake_has_a_sentence_with_its_place_and_what_is_valid(config, problem):
    found = problems_of(config)
    assert len(found) == 1
    assert problem in found[0]


DAY, NIGHT = {"open": "09:00", "close": "17:00"}, {"open": "20:00", "close": "04:00"}


@pytest.mark.parametrize(
    ("hours", "problem"),
    [
        (
            DAY | {"break": ["13:00", "12:00"]},
            "break: [13:00, 12:00] is not, in this order, within [09:00, 17:00)",
        ),
        (
            NIGHT | {"break": ["05:00", "06:00"]},
            "break: [05:00, 06:00] is not, in this order, within [20:00, 04:00)",
        ),
        (DAY | {"half_days": {"2023-03-14": "08:00"}}, "half_days: 2023-03-14: 08:00 is not within [09:00, 17:00)"),
        (DAY | {"half_days": {"2023-03-14": "18:00"}}, "half_days: 2023-03-14: 18:00 is not within [09:00, 17:00)"),
        (NIGHT | {"half_days": {"2023-03-14": "22:00"}}, "half_days: 2023-03-14: 22:00 is not within [20:00, 04:00)"),
        (DAY | {"from": "2024-01-01", "to": "2023-01-01"}, "to: 2023-01-01 is before from 2024-01-01"),
    ],
)
def test_hours_that_no_session_can_have_are_refused(hours, problem):
    (found,) = problems_of({"calendars": {"C": {"timezone": "UTC", **hours}}})
    assert f"calendars.C.{problem}" in found


@pytest.mark.parametrize(
    "hours",
    [
        DAY | {"break": ["12:00", "13:00"], "half_days": {"2023-03-14": "12:30"}},
        NIGHT | {"break": ["23:00", "01:00"], "half_days": {"2023-03-14": "02:00"}},
        {"open": "17:00", "close": "17:00", "break": ["02:00", "03:00"], "half_days": {"2023-03-14": "13:00"}},
    ],
)
def test_hours_by_day_by_night_and_around_the_clock_are_right(hours):
    load_config({"calendars": {"C": {"timezone": "UTC", **hours}}})


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"tickers": {"A": {"session_start": "09:30", "session_end": "9:30"}}}, "tickers.A.session_end"),
        ({"tickers": {"A": {"session_start": "09:30", "session_end": "09:30:00"}}}, "tickers.A.session_end"),
        ({"ticker_config": {"defaults": {"session_start": "00:00", "session_end": "00:00"}}},
         "ticker_config.defaults.session_end"),
        ({"multi_ticker": {"tickers": {"A": {"session_start": "16:00"}}},
          "ticker_config": {"defaults": {"session_end": "16:00"}}}, "multi_ticker.tickers.A.session_end"),
        ({"multi_ticker": {"tickers": {"A": {"active_to": "2020-01-01"}}},
          "ticker_config": {"overrides": {"A": {"active_from": "2021-01-01"}}}}, "ticker_config.overrides.A.active_to"),
    ],
)  # fmt: skip
def test_values_of_different_layers_that_contradict_each_other_are_reported_once(config, path):
    found = problems_of(config)
    assert len(found) == 1
    assert found[0].startswith(f"{path}: ")


def test_an_overnight_session_is_fine():
    config = load_config({"tickers": {"ES": {"session_start": "18:00", "session_end": "17:00"}}})
    assert config.ticker("ES").session_end == "17:00"


@pytest.mark.parametrize("content", [b"a: [", b"- 1\n- 2\n", b"just text", b"\xff\xfe\x00", b"a: &x [*x]"])
def test_a_file_that_is_no_mapping_is_a_config_error_naming_the_file(tmp_path, content):
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"odd\.yaml"):
        load_config(path)


def test_a_missing_file_and_a_wrong_argument_are_config_errors(tmp_path):
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="a configuration is a path or a mapping, got 5"):
        load_config(5)  # type: ignore[arg-type]


def test_a_mapping_that_contains_itself_is_refused():
    config: dict[str, Any] = {"tickers": {}}
    config["alignment"] = config
    with pytest.raises(ConfigError, match="contains itself"):
        load_config(config)


def test_a_configuration_cannot_be_changed():
    config = load_config({})
    with pytest.raises(ValueError, match="frozen"):
        config.multi_ticker.enabled = False


SECRET = "sk-very-secret-123"  # noqa: S105


@pytest.mark.parametrize(
    "source",
    [
        {"provider": "polygon", "api_key": SECRET},
        {"provider": "polygon", "apikey": SECRET},
        {"provider": "polygon", "api_key": [SECRET]},
        {"provider": "polygon", "api_key": "${" + SECRET},
        {"provider": "polygon", "base_url": f"https://user:{SECRET}@host"},
        {"provider": "polygon", "base_url": f"https://host?apiKey={SECRET}"},
        {"provider": "databento", "dataset": "X", "gateway": f"{SECRET}"},
        {"token": SECRET},
        [SECRET],
    ],
)
def test_no_error_shows_what_may_be_a_key(source, tmp_path):
    import yaml

    path = tmp_path / "secret.yaml"
    path.write_text(yaml.safe_dump({"sources": {"polygon": source}}), encoding="utf-8")
    for config in ({"sources": {"polygon": source}}, path):
        try:
            load_config(config)
        except ConfigError as error:
            shown = "".join(traceback.format_exception(error, chain=True)) + repr(error) + repr(error.__context__)
            assert SECRET not in shown.replace(str(path.parent), "")
        else:
            pytest.fail("the configuration was accepted")


def test_a_key_stays_the_name_of_its_variable_until_it_is_revealed(monkeypatch):
    monkeypatch.setenv("MY_KEY", SECRET)
    config = load_config({"sources": {"polygon": {"provider": "polygon", "api_key": "${MY_KEY}"}}})
    source = config.sources["polygon"]
    assert isinstance(source, PolygonSource)
    assert source.api_key.reveal() == SECRET
    assert SECRET not in repr(config) + str(config) + config.model_dump_json()


def test_missing_key_is_an_error_only_when_revealed(monkeypatch):
    monkeypatch.delenv("DATABENTO_API_KEY", raising=False)
    config = load_config({"sources": {"d": {"provider": "databento", "dataset": "XNAS.ITCH"}}})
    source = config.sources["d"]
    assert isinstance(source, DatabentoSource)
    with pytest.raises(MtstoreError, match="DATABENTO_API_KEY is not set"):
        source.api_key.reveal()


def test_variables_are_filled_in_under_sources_and_in_the_store_s_path(monkeypatch):
    monkeypatch.setenv("MY_URL", "http://127.0.0.1:8000/")
    monkeypatch.delenv("NO_URL", raising=False)
    source = {"provider": "polygon", "base_url": "${MY_URL}"}
    read = load_config({"sources": {"p": source}}).sources["p"]
    assert isinstance(read, PolygonSource)
    assert read.base_url == "http://127.0.0.1:8000"
    assert problems_of({"sources": {"p": {**source, "base_url": "${NO_URL}"}}}) == (
        "sources.p.base_url: the environment variable NO_URL is not set",
    )
    monkeypatch.setenv("MY_DATA", "/data")
    assert load_config({"store": "${MY_DATA}/market"}).store_path == Path("/data/market")
    assert load_config({"cache": {"cache_dir": "${MY_DATA}/cache"}}).store_path == Path("/data/cache")
    assert load_config({"cache": {"cache_dir": "a$b{c}"}}).store_path == Path("a$b{c}")
    assert problems_of({"store": "${NO_URL}/market"}) == (
        "store: '${NO_URL}/market': the environment variable NO_URL is not set",
    )


@pytest.mark.parametrize("name", ["quickstart", "polygon", "databento"])
def test_the_examples_load_without_keys_and_without_warnings(name, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY", raising=False)
    monkeypatch.delenv("DATABENTO_API_KEY", raising=False)
    config = load_config(REPOSITORY / "configs" / f"{name}.yaml")
    assert config.universe
    assert config.warnings() == ()


def test_weights_that_do_not_sum_to_one_are_kept_and_warned_of():
    config = load_config({"tickers": {"A": {"weight": 0.5}, "B": {"weight": 0.6}, "C": {}}})
    assert config.warnings() == ("the weights of 2 tickers sum to 1.1, not 1; they are used as they are",)
    assert load_config({"tickers": {"A": {"weight": 0.1}, "B": {"weight": 0.9}}}).warnings() == ()
    assert load_config({"tickers": ["A"]}).warnings() == ()


def test_importing_the_package_imports_neither_pydantic_nor_yaml():
    code = "import sys, mtstore.config; print({'pydantic', 'yaml', 'pandas', 'exchange_calendars'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_loading_an_example_imports_neither_pandas_nor_exchange_calendars():
    code = (
        "import sys; from mtstore.config import load_config; load_config('configs/polygon.yaml');"
        "print({'pandas', 'numpy', 'duckdb', 'exchange_calendars'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert found.stdout == "set()\n"


WORDS = st.sampled_from(
    [
        *("multi_ticker", "tickers", "alignment", "method", "timezone", "cache", "ttl_days", "validation"),
        *("ticker_config", "defaults", "overrides", "SPY", "session_start", "16:00", "metadata"),
        *("sources", "p", "provider", "polygon", "calendars"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_any_mapping_is_read_or_refused_with_our_error(config):
    try:
        load_config(config)
    except ConfigError as error:
        problems = error.problems
    else:
        return
    assert problems


def test_unknown_key_of_source_lists_keys_of_its_provider():
    source = {"provider": "polygon", "schema": "ohlcv-1d", "clent": "massive"}
    schema, client = problems_of({"sources": {"p": source}})
    assert schema.startswith("sources.p.schema: unknown key here; only databento sources have it (valid: ")
    assert client.startswith("sources.p.clent: unknown key; did you mean 'client'? (valid: ")
    assert "client, " in schema
    for other in ("dataset", "stype_in", "gateway"):
        assert other not in schema + client


def test_misspelt_provider_does_not_hide_other_mistakes():
    source = {"provider": "polygone", "max_concurrency": 0, "api_key": "very-secret", "clent": "massive"}
    problems = problems_of({"sources": {"p": source}})
    places = {problem.partition(":")[0] for problem in problems}
    assert places == {f"sources.p.{key}" for key in ("provider", "max_concurrency", "api_key", "clent")}
    assert "very-secret" not in str(problems)
    assert len(problems_of({"sources": {"p": {"provider": "nobody's", "max_concurrency": 0}}})) == 1


@pytest.mark.parametrize("schema", ["ohlcv-5m", "trades", "ohlcv-1M", ""])
def test_databentos_schemas_are_those_that_databento_has(schema):
    source = {"provider": "databento", "dataset": "XNAS.ITCH", "schema": schema}
    (problem,) = problems_of({"sources": {"d": source}})
    assert "Databento has bars as ohlcv-1s, ohlcv-1m, ohlcv-1h, ohlcv-1d" in problem
