"""Arguments and options that several verbs share, and the output that they choose."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtstore.cli.console import count, echo
from mtstore.cli.formats import FORMATS, ROWS_OF_A_TABLE, choose_format, write_result

if TYPE_CHECKING:
    import pyarrow as pa

_Command = Callable[..., Any]

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
store_argument = click.argument("store", type=FOLDER)
start_option = click.option("--start", metavar="WHEN", help="A date (whole sessions), a wall time, or an instant.")
end_option = click.option("--end", metavar="WHEN", help="A date is included; a time or an instant is not.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress.")


@dataclass(frozen=True, slots=True)
class Output:
    """The chosen format and file of a result; `rows` shortens a table on stdout."""

    format: str
    path: Path | None
    rows: int | None

    def write(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a result; a line on stderr says what was written to a file."""
        rows = write_result(schema, batches, self.format, self.path, table_rows=self.rows)
        if self.path is not None:
            echo(f"{count(rows, 'row')}, {count(len(schema), 'column')}: {self.path}")

    def write_table(self, table: pa.Table) -> None:
        """Write an Arrow table."""
        self.write(table.schema, table.to_batches())


def output_options(command: _Command) -> _Command:
    """Add --format, -o and --rows; the command gets them as one `Output`."""

    @functools.wraps(command)
    def with_output(*arguments: Any, format: str | None, output: Path | None, rows: int, **options: Any) -> Any:
        chosen = Output(choose_format(format, output), output, rows if rows and output is None else None)
        return command(*arguments, output=chosen, **options)

    rows_help = "Most rows of a table on stdout; 0 for all. The other formats always have all rows."
    return _with_options(
        with_output,
        click.option("--format", type=click.Choice(FORMATS), help="Default: by the suffix of -o, else table."),
        click.option("-o", "--output", type=FILE, help="Write to FILE instead of stdout, when it is complete."),
        click.option("--rows", type=click.IntRange(min=0), default=ROWS_OF_A_TABLE, show_default=True, help=rows_help),
    )


def range_options(command: _Command) -> _Command:
    """Add --tickers, --start, --end, --interval, --timezone and --max-gap-minutes."""
    return _with_options(
        command,
        click.option("--tickers", type=Tickers(), help="Default: the configured universe, else all stored tickers."),
        start_option,
        end_option,
        click.option(
            "--interval", metavar="INTERVAL", default="1min", show_default=True, help="Width of an expected bar."
        ),
        click.option("--timezone", "tz", metavar="TZ", help="Zone of naive times; default: the configured one."),
        click.option(
            "--max-gap-minutes", type=float, metavar="N", help="Longer runs are gaps; default: configured, or 5."
        ),
    )


def _with_options(command: _Command, *options: Callable[[Any], Any]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


class Tickers(click.ParamType[list[str]]):
    """`AAPL,MSFT`, or `@FILE` with one ticker a line (# for comments)."""

    name = "A,B|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Return the tickers in the given order, each once."""
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
