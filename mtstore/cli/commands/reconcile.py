"""`mtstore reconcile`: the bars of two sources side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import mtstore
from mtstore.cli.options import Output, Tickers, end_option, output_options, start_option, store_argument
from mtstore.config.choices import SESSIONS


@click.command(short_help="Compare the bars of two sources.")
@store_argument
@click.argument("source_a")
@click.argument("source_b")
@click.option("--tickers", type=Tickers(), help="Default: the configured universe, else all that both sources have.")
@start_option
@end_option
@click.option("--interval", metavar="INTERVAL", default="1min", show_default=True, help="Width of a bucket.")
@click.option("--by", type=click.Choice(("session", "bucket")), default="session", show_default=True,
              help="A row per ticker and session, or per bucket.")  # fmt: skip
@click.option("--price-tolerance", type=float, default=0.0, show_default=True, metavar="X",
              help="Difference that is accepted, as a share of the price: 0.001 is 0.1 %.")  # fmt: skip
@click.option("--session", type=click.Choice(SESSIONS), help="[default: the configured one, or regular]")
@click.option("--timezone", "tz", metavar="TZ", help="Zone of naive times; default: the configured one.")
@output_options
def command(store: Path, *, output: Output, **options: Any) -> None:
    """Compare the bars of SOURCE_A and SOURCE_B in STORE, as the macros `reconcile_sessions` and `reconcile`.

    It counts buckets that only one source has and prices that differ, and divides the volumes.

    \b
    Examples:
      mtstore reconcile ./market polygon databento-xnas.itch --tickers AAPL --start 2023-01-03 --end 2023-01-31
      mtstore reconcile ./market polygon mine --by bucket --price-tolerance 0.001 --format csv
    """
    with mtstore.open(store) as found:
        output.write_table(found.reconcile(**options).to_arrow())
