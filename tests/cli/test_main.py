from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import click
import pytest

from mtstore import errors
from mtstore.cli import main as entry
from mtstore.cli.exit_codes import Exit, exit_for
from mtstore.cli.main import VERBS, cli
from tests.kits.time_limit import time_limit

MTSTORE = [sys.executable, "-c", "from mtstore.cli.main import main; main()"]


def test_help_imports_neither_pandas_nor_duckdb():
    code = (
        "import sys; from mtstore.cli.main import run; run(['--help']);"
        "heavy = {'pandas', 'numpy', 'duckdb', 'pyarrow', 'rich', 'pydantic', 'yaml', 'databento', 'polygon'};"
        "sys.stderr.write(repr(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()"
    assert "Exit codes:" in done.stdout


def test_the_help_lists_every_verb_and_every_exit_code(mtstore_cli):
    text = mtstore_cli("--help").out
    assert [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines()[: len(VERBS)]] == list(VERBS)
    for code in Exit:
        assert re.search(rf"^ +{code.value}  {re.escape(code.reason)}$", text, re.MULTILINE)


def commands(command: click.Command | None, path: tuple[str, ...] = ()):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*found, id=" ".join(found[0]) or "mtstore") for found in commands(cli)]
)
def test_every_command_says_what_it_does_and_what_each_option_means(path, command, mtstore_cli):
    shown = mtstore_cli(*path, "--help")
    assert shown.code == Exit.OK
    assert command.help
    assert command.help.splitlines()[0].endswith((".", ":"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(path)} {parameter.opts}"


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type)])
def test_every_error_has_an_exit_code_of_its_own_family(kind):
    error = kind("text")
    expected = {
        errors.InputError: Exit.USAGE,
        errors.StoreLockedError: Exit.LOCKED,
        errors.StoreError: Exit.STORE,
        errors.IngestError: Exit.REJECTED,
        errors.SourceError: Exit.SOURCE,
        errors.MissingDataError: Exit.MISSING,
        errors.MemoryLimitError: Exit.MEMORY,
        errors.QueryError: Exit.QUERY,
        errors.MtstoreError: Exit.FAILED,
    }
    assert exit_for(error) == next(code for family, code in expected.items() if isinstance(error, family))


def test_exit_codes_differ_and_stay_clear_of_the_shell_s():
    assert len({code.value for code in Exit}) == len(Exit)
    assert all(code.value < 126 for code in Exit if code not in (Exit.INTERRUPTED, Exit.BROKEN_PIPE))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["qurey"], "No such command 'qurey'; did you mean 'query'?"),
        (["config", "chek"], "No such command 'chek'; did you mean 'check'?"),
        (["query"], "Missing argument 'STORE'"),
        (["query", "s", "FROM bars", "--format", "xml"], "'xml' is not one of 'table', 'csv', 'json', 'parquet'"),
        (["load", "s", "--method", "outer"], "'outer' is not one of 'outer_join', 'inner_join', 'forward_fill'"),
        (["ingest", "s"], "give files to ingest"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_a_usage_error_on_stderr(mtstore_cli, arguments, sentence):
    shown = mtstore_cli(*arguments)
    assert (shown.code, shown.out) == (Exit.USAGE, "")
    assert sentence in shown.err


def test_an_error_is_one_line_and_a_traceback_only_when_asked_for(mtstore_cli, tmp_path):
    shown = mtstore_cli("status", tmp_path / "none")
    assert shown.code == Exit.STORE
    assert shown.err == f"mtstore: error: no store at {tmp_path}/none; `mtstore init {tmp_path}/none` makes one\n"
    for arguments in (("--debug", "status", tmp_path / "none"), ("status", tmp_path / "none", "--debug")):
        debugged = mtstore_cli(*arguments)
        assert debugged.code == Exit.STORE
        assert "Traceback (most recent call last)" in debugged.err
        assert debugged.err.endswith(shown.err)


def test_a_refusal_of_the_system_is_one_line_too(mtstore_cli, market, tmp_path):
    shown = mtstore_cli("query", market, "SELECT 1", "-o", tmp_path / "no" / "folder" / "x.csv")
    assert shown.code == Exit.FAILED
    assert re.fullmatch(r"mtstore: error: .*x\.csv.*: No such file or directory\n", shown.err)


def test_a_reader_that_leaves_ends_the_command_quietly(market):
    sql = "SELECT range AS number, repeat('x', 100) AS text FROM range(1000000)"
    process = subprocess.Popen(
        [*MTSTORE, "query", str(market), sql, "--format", "csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"number,text\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == Exit.BROKEN_PIPE


def test_ctrl_c_ends_a_long_query_with_its_own_code_within_two_seconds(market):
    sql = "SELECT sum(a.range * b.range) AS total FROM range(1000000) AS a, range(1000000) AS b"
    process = subprocess.Popen([*MTSTORE, "query", str(market), sql], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate()
    assert time.monotonic() - began < time_limit(2)
    assert (process.returncode, out) == (Exit.INTERRUPTED, b"")
    assert b"interrupted" in err
    assert b"Traceback" not in err


def test_warnings_are_lines_on_stderr(tmp_path):
    config = tmp_path / "weights.yaml"
    config.write_text("tickers: {A: {weight: 0.5}}\n", encoding="utf-8")
    code = (
        "import warnings; from mtstore.cli import console; console.show_warnings_as_lines();"
        "warnings.warn('the weights', stacklevel=1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "mtstore: warning: the weights\n"


def test_the_entry_point_ends_the_process_with_the_code(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mtstore", "status", os.devnull + "/none"])
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert caught.value.code == Exit.STORE


def test_the_package_runs_as_a_module_too(tmp_path):
    command = [sys.executable, "-m", "mtstore", "status", str(tmp_path / "none")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.startswith(f"mtstore: error: no store at {tmp_path / 'none'}")
