from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

import mtstore
from mtstore.cli.exit_codes import Exit
from mtstore.config.models import Alignment

RANGE = ("--start", "2023-11-22", "--end", "2023-11-24")


def test_a_load_is_the_frame_that_python_gives(mtstore_cli, market, tmp_path):
    path = tmp_path / "aligned.parquet"
    shown = mtstore_cli("load", market, "--tickers", "BBB,AAA", "--interval", "5min", *RANGE, "-o", path)
    assert (shown.code, shown.out) == (Exit.OK, "")
    config = {"store": market, "tickers": ["BBB", "AAA"], "alignment": {"resampling": "5min"}}
    with mtstore.MultiTickerDataLoader(config) as loader:
        expected = loader.load_data("2023-11-22", "2023-11-24")
    found = pd.read_parquet(path).set_index("timestamp")
    assert list(found.columns) == list(expected.columns)
    assert len(found) == 78 + 42
    pd.testing.assert_frame_equal(found, expected, check_freq=False, check_index_type=False, check_column_type=False)


def test_a_load_is_the_rows_that_the_macro_gives(mtstore_cli, market):
    loaded = mtstore_cli("load", market, "--tickers", "AAA", "--interval", "1h", *RANGE, "--format", "csv")
    sql = (
        'SELECT ts_event AS "timestamp", open AS "AAA_open", high AS "AAA_high", low AS "AAA_low", '
        'close AS "AAA_close", volume AS "AAA_volume" '
        "FROM aligned_outer(['AAA'], INTERVAL 1 HOUR, start_ts := DATE '2023-11-22', end_ts := DATE '2023-11-24')"
    )
    queried = mtstore_cli("query", market, sql, "--format", "csv", "--timezone", "America/New_York")
    assert queried.code == Exit.OK
    assert loaded.out.count("\n") == 12
    assert loaded.out == queried.out


def test_a_configuration_says_the_universe_and_options_change_single_settings(mtstore_cli, market, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(
        "multi_ticker:\n  store: /elsewhere\n  tickers: [BBB, AAA]\n"
        "  alignment: {method: forward_fill, resampling: 1min, timezone: UTC}\n",
        encoding="utf-8",
    )
    arguments = ("load", market, "--config", config, *RANGE, "--format", "json", "--fields", "close")
    rows = json.loads(mtstore_cli(*arguments).out)
    assert len(rows) == 390 + 210
    assert list(rows[0]) == ["timestamp", "BBB_close", "AAA_close"]
    assert rows[0]["timestamp"] == "2023-11-22T14:30:00+00:00"
    changed = json.loads(mtstore_cli(*arguments, "--interval", "1d", "--timezone", "America/New_York").out)
    assert [row["timestamp"] for row in changed] == ["2023-11-22T00:00:00-05:00", "2023-11-24T00:00:00-05:00"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((), Exit.USAGE, "give the tickers, --config FILE or --tickers A,B"),
        (("--tickers", "AAA", "--interval", "5T"), Exit.USAGE, "write 5min"),
        (("--tickers", "AAA", "--timezone", "New York"), Exit.USAGE, "did you mean 'America/New_York'?"),
        (("--tickers", "AAB", *RANGE), Exit.USAGE, "did you mean 'AAA'?"),
        (("--tickers", "AAA", "--start", "2023-11-24", "--end", "2023-11-22"), Exit.USAGE, "is not before end"),
        (("--tickers", "AAA", "--start", "2023-12-04", "--end", "2023-12-05"), Exit.MISSING, "does not cover"),
        (("--tickers", "AAA", "--fields", "price", *RANGE), Exit.USAGE, "price"),
    ],
)
def test_what_cannot_be_loaded_says_why_with_its_own_code(mtstore_cli, market, arguments, code, sentence):
    shown = mtstore_cli("load", market, *arguments)
    assert (shown.code, shown.out) == (code, "")
    assert sentence in shown.err


def test_the_message_about_a_range_that_is_not_covered_names_the_option_that_allows_it(mtstore_cli, market):
    beyond = ("load", market, "--tickers", "AAA", "--start", "2023-11-22", "--end", "2023-12-05", "--format", "csv")
    refused = mtstore_cli(*beyond)
    assert refused.code == Exit.MISSING
    assert "--on-missing warn" in refused.err
    with pytest.warns(UserWarning, match="does not cover"):
        allowed = mtstore_cli(*beyond, "--on-missing", "warn")
    assert allowed.code == Exit.OK
    assert allowed.out.count("\n") == 1 + 390 + 210


def _held(store):
    """Return how many rows the demo's store has of each thing that its help promises."""
    liquid = "gaps(['GOOGL'], 15, start_ts := DATE '2023-11-01', end_ts := DATE '2023-11-30')"
    sources = {
        "halts": f"(FROM {liquid} WHERE position = 'interior')",
        "bad_rows": "quarantine",
        "corrections": "revisions",
        "splits": "splits",
        "aligned": "aligned",
        "universe": "(FROM tickers WHERE in_universe)",
    }
    with mtstore.open(store) as found:
        return {name: found.sql(f"SELECT count(*) FROM {source}").fetchall()[0][0] for name, source in sources.items()}


def test_the_demo_runs_without_keys_twice_and_its_advice_is_true(mtstore_cli, tmp_path, monkeypatch):
    for name in ("POLYGON_API_KEY", "DATABENTO_API_KEY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    store = tmp_path / "demo"
    first = mtstore_cli("demo", store)
    assert first.code == Exit.OK
    assert "42 flat files" in first.err
    assert "1 row quarantined" in first.err
    held = _held(store)
    assert min(held.values()) > 0
    assert "1,602 rows x 25 columns" in first.err
    assert first.out.startswith("   ")
    assert "AAPL_close" in first.out
    assert "first_covered" in first.out

    again = mtstore_cli("demo", store)
    assert again.code == Exit.OK
    assert "all of them unchanged" in again.err
    assert again.out == first.out
    assert _held(store) == held

    advice = first.err.partition("Next, in Python:\n")[2]
    python = "\n".join(line.strip() for line in advice.partition("\n\n")[0].splitlines())
    scope: dict[str, Any] = {}
    exec(compile(python, "advice", "exec"), scope)  # noqa: S102
    assert scope["frame"].shape == (1_602, 25)
    statement = next(line.strip() for line in advice.splitlines() if line.strip().startswith("FROM aligned_outer"))
    counted = mtstore_cli("query", store, statement, "--format", "csv")
    assert counted.out.count("\n") == 1 + 2 * 1_602


def test_the_help_names_the_defaults_that_the_configuration_has(mtstore_cli):
    text = " ".join(mtstore_cli("load", "--help").out.partition("Options:")[2].split())
    defaults = Alignment()
    for option, key in [
        ("--interval", "resampling"),
        ("--method", "method"),
        ("--timezone", "timezone"),
        ("--session", "session"),
        ("--adjust", "adjust"),
    ]:
        described = text.partition(f" {option} ")[2].partition(" --")[0]
        assert f"[default: {getattr(defaults, key)}]" in described
