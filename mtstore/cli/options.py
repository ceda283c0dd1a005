"""Arguments and options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mtstore.cli.formats import FORMATS, ROWS_OF_A_TABLE

_Command = TypeVar("_Command", bound=Callable[..., Any])


def store_argument(command: _Command) -> _Command:
    """STORE: the store's folder."""
    return click.argument("store", type=click.Path(path_type=Path, file_okay=False))(command)


def output_options(command: _Command) -> _Command:
    """--format, -o and --rows, for verbs that give a result."""
    command = click.option(
        "--rows",
        type=click.IntRange(min=0),
        default=ROWS_OF_A_TABLE,
        show_default=True,
        help="Most rows of a table on stdout; 0 for all. The other formats always give all.",
    )(command)
    command = click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write to FILE instead of stdout; it appears only when it is complete.",
        metavar="FILE",
    )(command)
    return click.option(
        "--format",
        "format_",
        type=click.Choice(FORMATS),
        help="Default: what the name given with -o says, else table.",
    )(command)


def range_options(command: _Command) -> _Command:
    """--tickers, --start, --end, --interval and --timezone, for verbs that look at stored bars."""
    options = (
        click.option("--tickers", type=Tickers(), help="Default: the configured universe, else all that is stored."),
        click.option("--start", metavar="WHEN", help="A date (whole sessions), a wall time, or an instant."),
        click.option("--end", metavar="WHEN", help="A date is included; a time or an instant is not."),
        click.option(
            "--interval", metavar="INTERVAL", default="1min", show_default=True, help="An expected bar's width."
        ),
        click.option(
            "--timezone", metavar="TZ", help="Of times without an offset; default: the applied configuration's."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


class Tickers(click.ParamType[list[str]]):
    """`AAPL,MSFT`, or `@FILE` with one ticker a line (# for comments)."""

    name = "A,B|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """The tickers, in the order given, each once."""
        if isinstance(value, list):
            return value
        if value.startswith("@"):
            try:
                lines = Path(value[1:]).read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                self.fail(f"{value[1:]}: {error}", param, ctx)
            names = [line.partition("#")[0].strip() for line in lines]
        else:
            names = [name.strip() for name in value.split(",")]
        found = list(dict.fromkeys(filter(None, names)))
        if not found:
            self.fail(f"{value!r} names no ticker", param, ctx)
        return found
