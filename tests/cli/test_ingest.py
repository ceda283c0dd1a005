from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import subprocess
import sys

import pytest

from mtstore.cli.exit_codes import Exit


def test_a_store_is_made_filled_looked_at_compacted_and_rebuilt(mtstore_cli, tmp_path, flat_files):
    store = tmp_path / "store"
    made = mtstore_cli("init", store)
    assert (made.code, made.out) == (Exit.OK, "")
    assert f"created an empty store at {store}" in made.err
    assert "is already a store" in mtstore_cli("init", store).err

    for file in flat_files:
        shown = mtstore_cli("ingest", store, file, "--quiet")
        assert (shown.code, shown.out) == (Exit.OK, "")
    bars = json.loads(mtstore_cli("status", store, "--format", "json").out)
    assert [(row["ticker"], row["source"], row["schema"]) for row in bars] == [
        ("AAA", "polygon", "ohlcv-1m"),
        ("BBB", "polygon", "ohlcv-1m"),
    ]
    assert all(row["files"] == 2 and row["bars"] > 600 for row in bars)

    assert "merged 2 partitions: 4 files before, 2 after" in mtstore_cli("compact", store).err
    assert mtstore_cli("rebuild", store).code == Exit.OK
    after = json.loads(mtstore_cli("status", store, "--format", "json").out)
    assert [row["bars"] for row in after] == [row["bars"] for row in bars]


def test_the_same_files_again_change_nothing(mtstore_cli, market, flat_files):
    shown = mtstore_cli("ingest", market, *flat_files, "--quiet")
    assert shown.code == Exit.OK
    assert "0 files ingested, 2 unchanged, 0 rejected" in shown.err


def test_only_the_tickers_that_were_named_go_in(mtstore_cli, tmp_path, flat_files):
    names = tmp_path / "names.txt"
    names.write_text("# mine\nBBB\n\nZZZ # never traded\n", encoding="utf-8")
    shown = mtstore_cli("ingest", tmp_path / "s", *flat_files, "--create", "--quiet", "--tickers", f"@{names}")
    assert shown.code == Exit.OK
    sql = "SELECT DISTINCT ticker FROM bars"
    assert mtstore_cli("query", tmp_path / "s", sql, "--format", "csv").out == 'ticker\n"BBB"\n'


def test_a_broken_file_is_named_the_others_go_in_and_the_code_says_so(mtstore_cli, tmp_path, flat_files):
    broken = tmp_path / "2023-11-27.csv.gz"
    broken.write_bytes(flat_files[0].read_bytes()[:-100])
    shown = mtstore_cli("ingest", tmp_path / "s", broken, *flat_files, "--create", "--quiet")
    assert shown.code == Exit.INCOMPLETE
    assert re.search(rf"mtstore: error: {re.escape(str(broken))}: rejected: ", shown.err)
    assert "2 files ingested, 0 unchanged, 1 rejected" in shown.err


def test_nothing_but_broken_files_is_a_refusal(mtstore_cli, tmp_path):
    broken = tmp_path / "2023-11-27.csv.gz"
    broken.write_bytes(b"\x1f\x8b nonsense")
    assert mtstore_cli("ingest", tmp_path / "s", broken, "--create", "--quiet").code == Exit.REJECTED


def test_impossible_rows_are_quarantined_and_the_code_says_so(mtstore_cli, tmp_path, flat_files):
    text = gzip.decompress(flat_files[0].read_bytes()).decode()
    header, first, *rest = text.splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True)) | {"high": "0.01"}
    odd = tmp_path / flat_files[0].name
    odd.write_bytes(gzip.compress("\n".join([header, ",".join(cells.values()), *rest, ""]).encode()))
    shown = mtstore_cli("ingest", tmp_path / "s", odd, "--create", "--quiet")
    assert shown.code == Exit.INCOMPLETE
    assert "1 row of AAA quarantined: high is below open or close" in shown.err
    kept = mtstore_cli("query", tmp_path / "s", "SELECT ticker, high FROM quarantine", "--format", "csv").out
    assert kept == f'ticker,high\n"{cells["ticker"]}",0.01\n'


def test_a_path_that_matches_nothing_is_a_usage_error(mtstore_cli, tmp_path):
    shown = mtstore_cli("ingest", tmp_path / "s", tmp_path / "none*.csv.gz", "--create", "--quiet")
    assert shown.code == Exit.USAGE
    assert "none*.csv.gz" in shown.err


def test_files_of_one_s_own_cover_what_they_are_said_to(mtstore_cli, tmp_path):
    (tmp_path / "mine.csv").write_text(
        "symbol,time,o,h,l,c,v\nAAA,2023-01-03T14:30:00Z,1,2,0.5,1.5,100\n", encoding="utf-8"
    )
    (tmp_path / "mine.yaml").write_text(
        "schema: ohlcv-1m\ncolumns: {ticker: symbol, ts_event: time, open: o, high: h, low: l, close: c, volume: v}\n",
        encoding="utf-8",
    )
    arguments = (
        tmp_path / "mine.csv",
        "--format",
        "csv",
        "--map",
        tmp_path / "mine.yaml",
        "--source",
        "mine",
        "--create",
    )
    shown = mtstore_cli("ingest", tmp_path / "s", *arguments, "--quiet", "--covers", "2023-01-03/2023-01-04")
    assert (shown.code, shown.err.splitlines()[0]) == (Exit.OK, "1 file ingested, 0 unchanged, 0 rejected")
    sql = "SELECT start_ts, end_ts, result FROM coverage"
    assert mtstore_cli("query", tmp_path / "s", sql, "--format", "json").out == (
        '[\n{"start_ts": "2023-01-03T00:00:00+00:00", "end_ts": "2023-01-05T00:00:00+00:00", "result": "complete"}\n]\n'
    )
    for wrong in ("2023-01-03", "/2023-01-03", "2023-01-03/"):
        assert mtstore_cli("ingest", tmp_path / "s", *arguments, "--covers", wrong).code == Exit.USAGE


def test_a_schema_may_stand_beside_a_mapping(mtstore_cli, tmp_path):
    (tmp_path / "mine.csv").write_text(
        "ticker,time,open,high,low,close,volume\nAAA,2023-01-03T14:30:00Z,1,2,0.5,1.5,100\n", encoding="utf-8"
    )
    (tmp_path / "mine.yaml").write_text("columns: {ts_event: time}\n", encoding="utf-8")
    given = ("ingest", tmp_path / "s", tmp_path / "mine.csv", "--map", tmp_path / "mine.yaml", "--create", "--quiet")
    assert mtstore_cli(*given, "--schema", "ohlcv-1m").code == Exit.OK
    shown = mtstore_cli(*given)
    assert shown.code == Exit.USAGE
    assert "schema: it is missing" in shown.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--schema", "ohlcv-1d"), "its bars are ohlcv-1m, but ohlcv-1d was requested"),
        (("--schema", "ohlcv-1h"), "its bars are ohlcv-1m, but ohlcv-1h was requested"),
        (("--covers", "2023-01-03/2023-01-03"), "covers: applies to custom parquet and CSV files only"),
    ],
)
def test_a_vendor_s_file_is_what_it_is(mtstore_cli, tmp_path, flat_files, options, message):
    shown = mtstore_cli("ingest", tmp_path / "s", *flat_files, *options, "--create", "--quiet")
    assert shown.code == Exit.REJECTED
    assert message in shown.err


def test_bars_outside_all_sessions_are_reported(mtstore_cli, tmp_path):
    (tmp_path / "old.csv").write_text(
        "ticker,ts_event,open,high,low,close,volume\nAAA,1985-01-03T14:30:00Z,1,2,0.5,1.5,100\n", encoding="utf-8"
    )
    shown = mtstore_cli("ingest", tmp_path / "s", tmp_path / "old.csv", "--schema", "ohlcv-1m", "--create", "--quiet")
    assert shown.code == Exit.OK
    assert "1 bar of AAA before 1990-01-02, the first known session of XNYS, in no session" in shown.err


def test_progress_is_plain_lines_without_a_terminal(mtstore_cli, tmp_path, flat_files):
    shown = mtstore_cli("ingest", tmp_path / "s", *flat_files, "--create")
    assert (shown.code, shown.out) == (Exit.OK, "")
    assert re.search(r"^reading: 2 of 2 files, 1,[\d,]+ rows, [1-9][\d,]* rows/s$", shown.err, re.MULTILINE)
    assert re.search(r"^writing: 2 of 2 tickers", shown.err, re.MULTILINE)
    assert "\x1b" not in shown.err


def test_progress_is_a_bar_on_a_terminal(tmp_path, flat_files):
    controller, terminal = os.openpty()
    command = [sys.executable, "-c", "from mtstore.cli.main import main; main()", "ingest", tmp_path / "s", "--create"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "150"}
    process = subprocess.Popen([*command, *flat_files], stdout=subprocess.PIPE, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # a terminal that nobody holds any more reads as an error
        while part := os.read(controller, 65_536):
            shown += part
    os.close(controller)
    assert process.communicate()[0] == b""
    assert process.returncode == Exit.OK
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"reading\s+━+.* 2/2\s+files\s+1,[\d,]+ rows\s+[1-9][\d,]* rows/s", text)
    assert re.search(r"writing\s+━+.* 2/2\s+tickers", text)
