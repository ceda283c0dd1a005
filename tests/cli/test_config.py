from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtstore.cli.exit_codes import Exit
from mtstore.config import load_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def test_check_says_that_a_file_is_right_on_stderr(mtstore_cli):
    shown = mtstore_cli("config", "check", CONFIGS / "quickstart.yaml")
    assert (shown.code, shown.out) == (Exit.OK, "")
    assert shown.err.endswith("quickstart.yaml is right: 5 tickers, 0 sources\n")


def test_check_warns_of_missing_environment_variables(mtstore_cli, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY", raising=False)
    shown = mtstore_cli("config", "check", CONFIGS / "polygon.yaml")
    assert shown.code == Exit.OK
    assert "warning: the environment variable POLYGON_API_KEY, which should hold a key, is not set" in shown.err


def test_check_lists_every_problem(mtstore_cli, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("alignment: {method: outer, metod: x}\n", encoding="utf-8")
    shown = mtstore_cli("config", "check", path)
    assert shown.code == Exit.USAGE
    first, *problems = shown.err.splitlines()
    assert first == f"mtstore: error: {path}: 2 problems"
    assert problems[0].startswith("  alignment.method (line 1): 'outer' is not valid; did you mean 'outer_join'?")
    assert problems[1].startswith("  alignment.metod (line 1): unknown key; did you mean 'method'?")


@pytest.mark.parametrize("name", ["quickstart", "polygon", "databento"])
def test_show_prints_a_file_that_means_the_same_and_no_key(mtstore_cli, tmp_path, monkeypatch, name):
    monkeypatch.setenv("POLYGON_API_KEY", "sk-secret")
    monkeypatch.setenv("DATABENTO_API_KEY", "db-secret")
    shown = mtstore_cli("config", "show", CONFIGS / f"{name}.yaml")
    assert shown.code == Exit.OK
    assert "secret" not in shown.out + shown.err
    path = tmp_path / "shown.yaml"
    path.write_text(shown.out, encoding="utf-8")
    assert load_config(path).all_tickers == load_config(CONFIGS / f"{name}.yaml").all_tickers


@pytest.mark.parametrize("sources", ["", "sources: {polygon: {provider: polygon, api_key: '${OTHER_KEY}'}}\n"])
def test_show_masks_keys_that_other_values_are_made_of(mtstore_cli, tmp_path, monkeypatch, sources):
    monkeypatch.setenv("POLYGON_API_KEY", "sk-secret")
    monkeypatch.setenv("OTHER_KEY", "other-secret")
    path = tmp_path / "c.yaml"
    used = "OTHER_KEY" if sources else "POLYGON_API_KEY"
    path.write_text(
        f"multi_ticker: {{store: './${{{used}}}/x', tickers: {{A: {{metadata: {{note: other-secret sk-secret}}}}}}}}\n"
        + sources,
        encoding="utf-8",
    )
    shown = mtstore_cli("config", "show", path)
    assert shown.code == Exit.OK
    assert f"${{{used}}}/x" in shown.out
    assert "sk-secret" not in shown.out
    assert "other-secret" not in shown.out or not sources
    path.write_text(shown.out, encoding="utf-8")
    assert str(load_config(path).multi_ticker.store).endswith("-secret/x")


def test_apply_publishes_the_universe_to_every_client(mtstore_cli, tmp_path, flat_files):
    store = tmp_path / "s"
    mtstore_cli("ingest", store, *flat_files, "--create", "--quiet")
    config = tmp_path / "c.yaml"
    config.write_text(
        "tickers: {BBB: {weight: 0.7, metadata: {sector: Tech}}, AAA: {weight: 0.3}}\n"
        "alignment: {resampling: 5min, timezone: UTC}\n",
        encoding="utf-8",
    )
    shown = mtstore_cli("config", "apply", store, config)
    assert (shown.code, shown.out) == (Exit.OK, "")
    assert "published 2 tickers" in shown.err
    sql = "SELECT ticker, weight, metadata FROM tickers WHERE in_universe ORDER BY universe_position"
    assert mtstore_cli("query", store, sql, "--format", "csv").out == (
        'ticker,weight,metadata\n"BBB",0.7,"{""sector"": ""Tech""}"\n"AAA",0.3,\n'
    )
    wide = mtstore_cli("query", store, "SELECT count(*) AS n FROM aligned", "--format", "csv")
    assert wide.out == "n\n120\n"


def test_schema_prints_the_json_schemas_of_configurations_and_mappings(mtstore_cli):
    assert "multi_ticker" in json.loads(mtstore_cli("config", "schema").out)["properties"]
    keys = json.loads(mtstore_cli("config", "schema", "--mapping").out)["properties"]
    assert keys["stamp"]["enum"] == ["open", "close"]
    assert all(key["description"] for key in keys.values())
