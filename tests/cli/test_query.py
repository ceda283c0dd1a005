from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from mtstore.cli.exit_codes import Exit

GOLDEN = Path(__file__).parent / "golden"
HARD_TYPES = (GOLDEN / "hard_types.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["table", "csv", "json"])
def test_each_format_spells_every_type_as_its_golden_file_has_it(mtstore_cli, market, kind):
    shown = mtstore_cli("query", market, HARD_TYPES, "--format", kind)
    assert (shown.code, shown.err) == (Exit.OK, "")
    assert shown.out == (GOLDEN / f"hard_types.{kind}").read_text(encoding="utf-8")


def test_json_is_json_and_keeps_numbers_numbers(mtstore_cli, market):
    rows = json.loads(mtstore_cli("query", market, HARD_TYPES, "--format", "json").out)
    assert rows[0]["whole"] == 9007199254740993
    assert rows[0]["struct"] == {"at": "2023-01-03", "n": 1}
    assert rows[1] == dict.fromkeys(rows[0]) | {"row": 2}


def test_parquet_keeps_types_and_null(mtstore_cli, market, tmp_path):
    path = tmp_path / "bars.parquet"
    assert mtstore_cli("query", market, "FROM bars", "-o", path).code == Exit.OK
    table = pq.read_table(path)
    assert table.num_rows == int(
        mtstore_cli("query", market, "SELECT count(*) AS n FROM bars", "--format", "csv").out.split()[1]
    )
    assert str(table.schema.field("ts_event").type) == "timestamp[us, tz=UTC]"


def test_parquet_has_spans_as_durations_and_no_months(mtstore_cli, market, tmp_path):
    path = tmp_path / "aligned.parquet"
    call = "FROM aligned_outer(NULL, INTERVAL 5 MINUTE)"
    assert mtstore_cli("query", market, call, "-o", path).code == Exit.OK
    assert str(pq.read_table(path).schema.field("age").type) == "duration[us]"
    path.unlink()
    refused = mtstore_cli("query", market, "SELECT INTERVAL 2 MONTH AS wait", "-o", path)
    assert (refused.code, path.exists()) == (Exit.USAGE, False)
    assert "column 'wait' counts months" in refused.err


def test_json_keeps_columns_of_one_name_apart(mtstore_cli, market):
    shown = mtstore_cli("query", market, "SELECT 1 AS a, 2 AS a, 3 AS a_1", "--format", "json")
    assert json.loads(shown.out) == [{"a": 1, "a_1": 2, "a_1_1": 3}]


@pytest.mark.parametrize("kind", ["table", "csv", "json", "parquet"])
def test_an_empty_result_is_still_a_result_of_its_format(mtstore_cli, market, tmp_path, kind):
    path = tmp_path / "empty"
    sql = "SELECT ticker, close FROM bars WHERE ticker = 'NONE'"
    assert mtstore_cli("query", market, sql, "--format", kind, "-o", path).code == Exit.OK
    content = path.read_bytes()
    if kind == "parquet":
        assert pq.read_table(io.BytesIO(content)).column_names == ["ticker", "close"]
    else:
        expected = {"csv": "ticker,close\n", "json": "[\n]\n", "table": "ticker  close\n------  -----\n"}
        assert content.decode() == expected[kind]


@pytest.mark.parametrize(
    ("name", "start"), [("a.csv", b"n\n1\n"), ("a.json", b"["), ("a.parquet", b"PAR1"), ("a.txt", b"n\n-\n1\n")]
)
def test_the_name_of_the_output_says_the_format(mtstore_cli, market, tmp_path, name, start):
    assert mtstore_cli("query", market, "SELECT 1 AS n", "-o", tmp_path / name).code == Exit.OK
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_says_no_format_is_a_usage_error(mtstore_cli, market, tmp_path):
    shown = mtstore_cli("query", market, "SELECT 1", "-o", tmp_path / "result")
    assert shown.code == Exit.USAGE
    assert "give --format table|csv|json|parquet" in shown.err


def test_a_query_that_fails_leaves_the_old_output_as_it_was(mtstore_cli, market, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old", encoding="utf-8")
    sql = "SELECT CASE WHEN range > 250000 THEN error('boom') ELSE range END AS n FROM range(300000)"
    shown = mtstore_cli("query", market, sql, "-o", path)
    assert shown.code == Exit.QUERY
    assert "boom" in shown.err
    assert path.read_text(encoding="utf-8") == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["a.csv"]


def test_a_table_is_shortened_on_stdout_and_says_so(mtstore_cli, market, tmp_path):
    sql = "SELECT range AS n FROM range(100)"
    shown = mtstore_cli("query", market, sql)
    assert shown.out.count("\n") == 42
    assert shown.err == "the first 40 rows; --rows 0 shows all; --format csv or -o FILE writes all as data\n"
    assert mtstore_cli("query", market, sql, "--rows", "0").out.count("\n") == 102
    assert mtstore_cli("query", market, sql, "--rows", "100").err == ""
    assert mtstore_cli("query", market, sql, "-o", tmp_path / "all.txt").err.startswith("100 rows, 1 column: ")
    assert (tmp_path / "all.txt").read_text(encoding="utf-8").count("\n") == 102


def test_a_file_is_reported_with_its_rows_columns_and_path(mtstore_cli, market, tmp_path):
    path = tmp_path / "bars.csv"
    shown = mtstore_cli("query", market, "SELECT ticker, close FROM bars LIMIT 1", "-o", path)
    assert (shown.out, shown.err) == ("", f"1 row, 2 columns: {path}\n")


def _on_a_terminal(width, *arguments):
    """Run the command line with stdout on a terminal of that width; return its lines and stderr."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    command = [sys.executable, "-m", "mtstore", *map(str, arguments)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment, check=True)
    os.close(writer)
    try:
        return os.read(reader, 65_536).decode().splitlines(), done.stderr
    finally:
        os.close(reader)


def test_a_table_is_fitted_to_the_terminal_and_says_what_was_left_out(market):
    lines, err = _on_a_terminal(80, "query", market, "FROM bars_local LIMIT 3")
    names = lines[0].split()
    assert names[:6] == ["ticker", "source", "schema", "year", "ts_event", "open"]
    assert len(lines) == 5
    assert max(map(len, lines)) <= 80
    assert err.startswith(f"{len(names)} of 16 columns fitted to 80 characters; left out: ")
    assert " and 4 more; --format csv or -o FILE writes all as data" in err
    lines, err = _on_a_terminal(400, "query", market, "FROM bars_local LIMIT 3")
    assert len(lines[0].split()) == 16
    assert err == ""


def test_long_texts_are_cut_before_columns_are_left_out(market):
    lines, err = _on_a_terminal(60, "query", market, f"SELECT '{'x' * 70}' AS text, 7 AS n")
    assert lines[2] == "x" * 47 + "…  7"
    assert "2 of 2 columns fitted" in err


def test_a_statement_over_other_files_names_the_way_to_allow_them(mtstore_cli, market, tmp_path):
    (tmp_path / "mine.csv").write_text("n\n1\n", encoding="utf-8")
    sql = f"FROM '{tmp_path / 'mine.csv'}'"
    shown = mtstore_cli("query", market, sql)
    assert shown.code == Exit.QUERY
    assert "--unsafe" in shown.err
    assert mtstore_cli("query", market, sql, "--unsafe", "--format", "csv").out == "n\n1\n"


def test_control_characters_in_data_cannot_reach_the_terminal(mtstore_cli, market):
    shown = mtstore_cli("query", market, "SELECT chr(27) || '[31m' || chr(10) || 'x' AS t")
    assert shown.out == "t\n-------------\n\\x1b[31m\\x0ax\n"


def test_instants_are_shown_in_the_zone_that_was_asked_for(mtstore_cli, market):
    sql = "SELECT TIMESTAMPTZ '2023-07-03 14:30:00+00' AS t"
    assert "2023-07-03T14:30:00+00:00" in mtstore_cli("query", market, sql).out
    assert "2023-07-03T10:30:00-04:00" in mtstore_cli("query", market, sql, "--timezone", "America/New_York").out
    shown = mtstore_cli("query", market, sql, "--timezone", "New York")
    assert shown.code == Exit.USAGE
    assert "did you mean 'America/New_York'?" in shown.err


def test_the_statement_may_come_from_stdin(mtstore_cli, market, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 42 AS n"))
    assert mtstore_cli("query", market, "-", "--format", "csv").out == "n\n42\n"


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELEC 1", "syntax error"),
        ("FROM nosuch", "nosuch"),
        ("", "statement is empty"),
        ("CREATE TABLE x (a INT)", "read-only"),
        ("SELECT error('boom') AS x", "boom"),
    ],
)
def test_a_statement_that_duckdb_refuses_has_its_own_code(mtstore_cli, market, sql, sentence):
    shown = mtstore_cli("query", market, sql)
    assert (shown.code, shown.out) == (Exit.QUERY, "")
    assert sentence in shown.err


@pytest.mark.parametrize(
    "span",
    [
        "10 minutes",
        "0",
        "-3 days -1 hour",
        "14 months",
        "-25 months 1 day 36 hours 6.5 seconds",
        "1 microsecond",
        "-90s",
    ],
)
def test_spans_are_written_as_duckdb_writes_them(mtstore_cli, market, span):
    shown = mtstore_cli("query", market, f"SELECT INTERVAL '{span}' AS span", "--format", "json")
    assert json.loads(shown.out) == [{"span": duckdb.execute(f"SELECT (INTERVAL '{span}')::VARCHAR").fetchall()[0][0]}]


@pytest.mark.parametrize("kind", ["table", "csv", "json"])
def test_dates_outside_pythons_range_are_written(mtstore_cli, market, kind):
    days = ["infinity", "-infinity", "10000-01-01", "2023-01-03"]
    shown = mtstore_cli("query", market, f"SELECT unnest({days})::DATE AS day", "--format", kind)
    assert shown.code == Exit.OK
    assert all(day in shown.out for day in days)


@pytest.mark.parametrize("name", ["x.parquet", "market.duckdb", "data/schema=ohlcv-1m/x.parquet", "meta/../x.csv"])
def test_nothing_is_written_into_a_store(mtstore_cli, market, name):
    shown = mtstore_cli("query", market, "SELECT 1 AS one", "-o", market / name, "--format", "parquet")
    assert shown.code == Exit.USAGE
    assert f"would be inside the store {market}; choose a path outside of it" in shown.err
