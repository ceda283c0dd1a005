"""The entry point: find the verb, run it, and turn each error into a line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any, Final

import click

from mtstore.cli.console import echo, echo_error, show_warnings_as_lines
from mtstore.cli.exit_codes import Exit, describe_exits, exit_for
from mtstore.cli.groups import Group
from mtstore.errors import MtstoreError

VERBS: Final = (
    "init",
    "ingest",
    "sniff",
    "update",
    "undo",
    "query",
    "load",
    "status",
    "quality",
    "gaps",
    "reconcile",
    "config",
    "sql",
    "compact",
    "cache",
    "migrate",
    "verify",
    "repair",
    "rebuild",
    "publish",
    "demo",
)
"""The verbs in the order of the help; each is a module of `mtstore.cli.commands`."""

_EPILOG = f"""\
\b
Examples:
  mtstore demo ./demo                                 see it work, without keys or network
  mtstore init ./market
  mtstore ingest ./market flatfiles/2023/*.csv.gz
  mtstore query ./market "FROM tickers"
  mtstore query ./market "FROM aligned_outer(['AAPL','MSFT'], INTERVAL 5 MINUTE)" -o aligned.parquet

\b
Any DuckDB client reads the same: duckdb -readonly ./market/market.duckdb

\b
Exit codes:
{describe_exits()}
"""


class Verbs(Group):
    """Import each verb when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a verb, or None for another word."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"mtstore.cli.commands.{cmd_name}").command
        return command


@click.group(
    cls=Verbs, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="mtstore")
@click.option("--debug", is_flag=True, help="Show the traceback of an error; may stand anywhere, or set MTSTORE_DEBUG.")
def cli(*, debug: bool) -> None:
    """A store for the market data of many tickers, and the query layer over it.

    Vendor files go in (`ingest`); one aligned table comes out through Python, through any DuckDB client, and here
    (`load`, `query`). Data goes to stdout, everything else to stderr.
    """
    del debug  # read by `run`; declared for the help


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    if "_MTSTORE_COMPLETE" in os.environ:
        cli.main(prog_name="mtstore")  # completion in the shell
    show_warnings_as_lines()
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    wants_traceback = "--debug" in given or bool(os.environ.get("MTSTORE_DEBUG"))
    try:
        code = _run_command([argument for argument in given if argument != "--debug"])
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
        return Exit.BROKEN_PIPE
    except (MtstoreError, OSError) as error:
        if wants_traceback:
            traceback.print_exc()
        echo_error(_one_line(error))
        return exit_for(error)
    except KeyboardInterrupt:
        echo("mtstore: interrupted; committed data stays, and the same command continues from there")
        return Exit.INTERRUPTED
    return code


def _run_command(arguments: list[str]) -> int:
    try:
        # `cli.main` would turn a broken pipe into the exit code 1.
        with cli.make_context("mtstore", arguments) as context:
            result: Any = cli.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    return result if isinstance(result, int) else Exit.OK


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and not isinstance(error, MtstoreError):
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _discard_stdout() -> None:
    """Point stdout at the null device, so that the interpreter's last flush cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
