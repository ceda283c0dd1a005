"""`mtstore quality`: how good stored bars are, session by session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import mtstore
from mtstore.cli.options import output_options, range_options, store_argument
from mtstore.cli.series import write_series


@click.command(short_help="Show how complete and how clean stored bars are.")
@store_argument
@range_options
@click.option("--max-gap-minutes", type=float, metavar="N", help="Longer runs are gaps; default: as configured, or 5.")
@click.option("--std-threshold", type=float, metavar="X", help="Outliers lie beyond; default: as configured, or 3.")
@output_options
def command(store: Path, *, max_gap_minutes: float | None, std_threshold: float | None, **options: Any) -> None:
    """Show for each ticker and session of STORE what is there and what is not, as the macro `quality` does.

    \b
    Examples:
      mtstore quality ./market --tickers AAPL --start 2023-01-03 --end 2023-01-31
      mtstore quality ./market -o quality.parquet
    """
    with mtstore.open(store) as found:
        write_series(found.quality, options, max_gap_minutes=max_gap_minutes, std_threshold=std_threshold)
