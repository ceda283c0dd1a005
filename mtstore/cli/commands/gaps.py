"""`mtstore gaps`: missing bars, and why they are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import mtstore
from mtstore.cli.options import Output, output_options, range_options, store_argument


@click.command(short_help="List missing bars, and why they are missing.")
@store_argument
@range_options
@output_options
def command(store: Path, *, output: Output, **options: Any) -> None:
    """List the runs of minutes within sessions for which STORE has no bar, as the macro `gaps`.

    The reason distinguishes a minute without trades from one that was never requested.

    \b
    Examples:
      mtstore gaps ./market --tickers AAPL,MSFT --start 2023-01-03 --end 2023-01-31
      mtstore gaps ./market --max-gap-minutes 30 --format csv
    """
    with mtstore.open(store) as found:
        output.write_table(found.gaps(**options).to_arrow())
