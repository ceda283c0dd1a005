"""Arguments and options that several verbs share, and the output that they choose."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mtstore.cli.formats import FORMATS, ROWS_OF_A_TABLE, choose_format, write_result

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.query.series import Series

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Output:
    """The chosen format and file of a result; `rows` shortens a table on stdout."""

    format: str
    path: Path | None
    rows: int | None

    def write(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a result."""
        write_result(schema, batches, self.format, self.path, table_rows=self.rows)

    def write_table(self, table: pa.Table) -> None:
        """Write an Arrow table."""
        self.write(table.schema, table.to_batches())


def store_argument(command: _Command) -> _Command:
    """Add STORE, the folder of the store."""
    return click.argument("store", type=click.Path(path_type=Path, file_okay=False))(command)


def output_options(command: _Command) -> _Command:
    """Add --format, -o and --rows; the command gets them as one `Output`."""

    @functools.wraps(command)
    def with_output(*arguments: Any, format_: str | None, output: Path | None, rows: int, **options: Any) -> Any:
        chosen = Output(choose_format(format_, output), output, rows if rows and output is None else None)
        return command(*arguments, output=chosen, **options)

    wrapped: Any = click.option(
        "--rows",
        type=click.IntRange(min=0),
        default=ROWS_OF_A_TABLE,
        show_default=True,
        help="Most rows of a table on stdout; 0 for all. The other formats always have all rows.",
    )(with_output)
    wrapped = click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write to FILE instead of stdout; it appears only when it is complete.",
        metavar="FILE",
    )(wrapped)
    found: _Command = click.option(
        "--format", "format_", type=click.Choice(FORMATS), help="Default: by the suffix of the file of -o, else table."
    )(wrapped)
    return found


def range_options(command: _Command) -> _Command:
    """Add --tickers, --start, --end, --interval and --timezone."""
    options = (
        click.option("--tickers", type=Tickers(), help="Default: the configured universe, else all stored tickers."),
        click.option("--start", metavar="WHEN", help="A date (whole sessions), a wall time, or an instant."),
        click.option("--end", metavar="WHEN", help="A date is included; a time or an instant is not."),
        click.option(
            "--interval", metavar="INTERVAL", default="1min", show_default=True, help="Width of an expected bar."
        ),
        click.option(
            "--timezone",
            metavar="TZ",
            help="Zone of times without an offset; default: that of the applied configuration.",
        ),
    )
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


def write_series(
    method: Callable[..., Series], output: Output, options: Mapping[str, Any], **limits: float | None
) -> None:
    """Call a method of a store with the options of `range_options`, and write its result."""
    zone = {} if options["timezone"] is None else {"tz": options["timezone"]}
    series = method(
        options["tickers"], options["start"], options["end"], interval=options["interval"], **zone, **limits
    )
    output.write_table(series.to_arrow())
