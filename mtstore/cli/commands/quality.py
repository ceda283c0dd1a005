"""`mtstore quality`: the quality of stored bars, session by session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import mtstore
from mtstore.cli.options import Output, output_options, range_options, store_argument


@click.command(short_help="Show how complete and how clean stored bars are.")
@store_argument
@range_options
@click.option("--std-threshold", type=float, metavar="X", help="Limit of outliers; default: the configured one, or 3.")
@output_options
def command(store: Path, *, output: Output, **options: Any) -> None:
    """Show expected, present and missing bars of STORE for each ticker and session, as the macro `quality`.

    \b
    Examples:
      mtstore quality ./market --tickers AAPL --start 2023-01-03 --end 2023-01-31
      mtstore quality ./market -o quality.parquet
    """
    with mtstore.open(store) as found:
        output.write_table(found.quality(**options).to_arrow())
